import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { sql } from 'kysely';
import { seededRandom } from './seeded-random.mjs';

const dist = process.env.BENCH_DIST ?? resolve(import.meta.dirname, '../../dist');
const load = (path) => import(pathToFileURL(join(dist, path)).href);

const { SystemClock } = await load('clock/index.js');
const { loadSettings } = await load('config/index.js');
const { openDatabase } = await load('database/index.js');
const { ByteAccounts } = await load('process-memory/index.js');
const { writeCursor } = await load('bookmarks/repository/cursor.js');
const { SqlBookmarkStore } = await load('bookmarks/repository/sql-bookmark-store.js');

const GIB = 1024 ** 3;
const BATCH = 500;

/** The compiled bookmark store on the SQLite database in `folder`. */
export async function openStore(folder) {
  const settings = loadSettings(
    { DATA_DIR: folder },
    { containerLimitBytes: null, totalMemoryBytes: 16 * GIB, heapLimitBytes: GIB / 2 },
  );
  const clock = new SystemClock();
  const database = await openDatabase(settings, clock, new ByteAccounts());
  const store = new SqlBookmarkStore(database, clock);
  return { store, database, close: () => database.onApplicationShutdown() };
}

/** Every n-th: spread over all orders, for what is asked does not follow any of them. */
const spread = (number, every) => (Math.imul(number, 0x9e37_79b1) >>> 8) % every === 0;

const TAGS = [
  ['most', (number) => !spread(number, 5)],
  ['some', (number) => spread(number + 1, 20)],
  ['few', (number) => spread(number + 2, 60)],
  ['rare', (number) => spread(number + 3, 120)],
];

const SYLLABLES = 'ba de fi go hu ka le mi no pu ra se ti vo wu tion ment ing er ly st nd'.split(' ');
const HOSTS = 8_000;

const word = (random) => Array.from({ length: random.integer(2, 4) }, () => random.pick(SYLLABLES)).join('');
const sentence = (random, length) => Array.from({ length }, () => word(random)).join(' ');

/** Eight words of title, 25 of description, three tags beside those of the bench, a note on every tenth. */
function draftOf(number) {
  const random = seededRandom(1_000 + number);
  const host = `site-${Math.floor(HOSTS * random.next() ** 3)}.example`;
  const url = `https://${host}/page/${number}`;
  const own = TAGS.filter(([, has]) => has(number)).map(([name]) => name);
  const others = Array.from({ length: 3 }, () => `t${Math.floor(2_000 * random.next() ** 2)}`);
  return {
    url,
    normalisedUrl: url,
    host,
    source: 'import',
    values: { title: sentence(random, 8), description: sentence(random, 25) },
    tags: spread(number, 20) ? [] : [...new Set([...own, ...others])],
    ...(number % 10 === 0 ? { note: sentence(random, 12) } : {}),
    createdAt: Date.UTC(2010, 0, 1) + number * 800_000,
  };
}

/** Fills the database once; resumed where an earlier run stopped. @returns whether it is complete */
export async function fill({ store, database }, count, endMs) {
  for (let have = await store.count({}); have < count; have += BATCH) {
    const drafts = Array.from({ length: Math.min(BATCH, count - have) }, (_, n) => draftOf(have + n));
    await store.insert(drafts, 'keep');
    if (performance.now() > endMs) return false;
  }
  if ((await store.count({ archived: true })) > 0) return true;
  // What a collection of some years has; the store has no way to say it at once.
  const every = (n, shift) => sql.raw(`((change_seq + ${shift}) * 2654435769 >> 8) % ${n} = 0`);
  await database.transaction(async (queries) => {
    await sql`update bookmarks set archived = ${every(5, 1)}, favourite = ${every(100, 2)},
      dead_since = case when ${every(400, 3)} then 1 end,
      enrichment_state = case when ${every(200, 4)} then 'failed' when ${every(50, 5)} then 'skipped' else 'done' end`.execute(
      queries,
    );
  });
  return true;
}

const ORDERS = {
  createdAt: ['created_at', 'id'],
  modifiedAt: ['modified_at', 'change_seq'],
  title: ['title_key', 'id'],
};

/** How many rows match, and the cursor behind the one at `depth`, at most two thirds of the way down when there are fewer. */
export async function cursorAt({ database }, where, sort, depth) {
  const order = ORDERS[sort.replace('-', '')];
  const { rows } = await sql`select count(*) as n from bookmarks where ${sql.raw(where)}`.execute(
    database.queries,
  );
  const matches = Number(rows[0].n);
  const at = Math.min(depth, Math.floor((matches * 2) / 3));
  const direction = sort.startsWith('-') ? 'desc' : 'asc';
  const found =
    await sql`select ${sql.raw(order.join(', '))} from bookmarks where ${sql.raw(where)} order by ${sql.raw(
      order.map((column) => `${column} ${direction}`).join(', '),
    )} limit 1 offset ${at}`.execute(database.queries);
  const [row] = found.rows;
  return { matches, at, cursor: writeCursor(sort, { value: row[order[0]], tie: row[order[1]] }) };
}
