import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import SqliteFile from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { importFile, IMPORTED_URL, type ImportFile } from '../support/import-file.js';
import { KillRun } from '../support/kill-run.js';
import { PageOrigins } from '../support/page-origins.js';

/** Ten of each kind of work. Another seed kills elsewhere; a failure names its own. */
const KILLS = 10;
const SEED = Number(process.env['PLIMSOLL_KILL_SEED'] ?? 20_260_105);

/** For each kind; on two cores of one's own it takes a tenth of it. */
const PATIENCE_MS = 240_000;

const FILE_ITEMS = 6_000;
const PAGES = 200;
const HOSTS = 4;
const PAGES_AT_ONCE = 4;

/** One transaction of a bulk request. */
const CHUNK = 100;
const CHUNKS_A_REQUEST = 6;
const TAGGED = 20;
const DELETED = 10;

/** Names no host that anybody could ask. */
const BULK_URL = 'https://bulk.invalid/';

type Json = Record<string, unknown>;

/** One transaction's worth of operations, and how it is told whether they were done. */
interface Chunk {
  readonly name: string;
  readonly tagged: readonly string[];
  readonly deleted: readonly string[];
  readonly operations: readonly Json[];
}

describe('a server that is killed while it writes', () => {
  let run: KillRun;
  let origins: PageOrigins;
  let pages: readonly string[];
  let dataDir: string;
  /** Chunks of bulk requests that were answered. */
  const acknowledged: Chunk[] = [];

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-kill-'));
    origins = new PageOrigins();
    pages = await origins.start(HOSTS, PAGES);
    run = new KillRun(dataDir, SEED, {
      THROTTLE: 'off',
      LOG_LEVEL: 'info',
      FETCH_ALLOWED_HOSTS: origins.hosts,
      ENRICHMENT_CONCURRENCY: String(PAGES_AT_ONCE),
      ENRICHMENT_HOST_DELAY_MS: '0',
    });
  });

  afterAll(async () => {
    await run.end();
    await origins.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  const send = async (path: string, body?: unknown): Promise<{ status: number; body: Json }> => {
    const response = await fetch(`${run.url}${path}`, {
      ...(body === undefined
        ? {}
        : {
            method: 'POST',
            headers: { 'content-type': typeof body === 'string' ? 'text/html' : 'application/json' },
            body: typeof body === 'string' ? body : JSON.stringify(body),
          }),
    });
    return { status: response.status, body: (await response.json()) as Json };
  };
  const importsFolder = (): string[] =>
    existsSync(join(dataDir, 'imports')) ? readdirSync(join(dataDir, 'imports')) : [];
  const sizeOf = (name: string): number =>
    statSync(join(dataDir, 'imports', name), { throwIfNoEntry: false })?.size ?? 0;

  /** Uploads a part of the file and dies with it: nothing was acknowledged. */
  async function killDuringUpload(file: ImportFile): Promise<void> {
    const bytes = Buffer.from(file.text);
    const sent = run.random.integer(1, bytes.length - 1);
    const upload = request(`${run.url}/api/bookmarks/import`, {
      method: 'POST',
      headers: { 'content-type': 'text/html', 'content-length': String(bytes.length) },
    });
    upload.on('error', () => undefined);
    upload.write(bytes.subarray(0, sent));
    const arrived = run.random.integer(0, sent);
    await run.killWhen(`${arrived} bytes of an upload are in its file`, () =>
      importsFolder().some((name) => name.endsWith('.part') && sizeOf(name) >= arrived),
    );
    upload.destroy();
  }

  it(
    `brings every entry of an import once, with one line of its report each, over ${KILLS} kills`,
    () =>
      run.telling(async () => {
        const file = importFile(FILE_ITEMS);
        const settings = { ENRICHMENT: 'off' };
        for (let kill = 0; kill < 2; kill += 1) {
          await run.start(settings);
          await killDuringUpload(file);
        }
        await run.start(settings);
        expect(run.rows.number(`select count(*) from jobs`)).toBe(0);
        expect(run.rows.number(`select count(*) from bookmarks`)).toBe(0);

        const { status, body } = await send('/api/bookmarks/import?verbose=true', file.text);
        expect(status).toBe(202);
        await run.killWhen('an import was acknowledged', () => true);
        const { id, operation } = body as { id: string; operation: string };
        const report = `${id}.report.jsonl`;
        const done = (): number =>
          run.rows.number(`select json_extract(progress, '$.done') from jobs where kind = 'import'`);
        while (run.kills < KILLS) {
          await run.start(settings);
          const begun = done();
          const further = run.random.integer(1, 500);
          if (run.kills % 2 === 0) {
            await run.killWhen(
              `${further} more items of an import are committed`,
              () => done() >= begun + further,
            );
          } else {
            const bytes = sizeOf(report) + further * 20;
            await run.killWhen(`${bytes} bytes of a report are written`, () => sizeOf(report) >= bytes);
          }
          // A file that is through by now would prove nothing.
          expect(run.rows.all(`select state from jobs where kind = 'import'`)).toEqual([
            { state: 'running' },
          ]);
        }

        await run.start(settings);
        await run.until(
          'the import has ended',
          () => run.rows.number(`select count(*) from jobs where kind = 'import' and state = 'done'`) === 1,
        );
        expect((await send(operation)).body['result']).toMatchObject({
          counts: { ...file.counts, unchanged: 0, failed: 0 },
        });
        const lines = (await (await fetch(`${run.url}/api/bookmarks/imports/${id}/report`)).text())
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Json);
        expect(lines.pop()).toMatchObject({ summary: { counts: file.counts } });
        expect(lines.map(({ ordinal, outcome }) => [ordinal, outcome])).toEqual([...file.outcomes]);
        const urls = run.rows.all<{ url: string }>(`select url from bookmarks`).map(({ url }) => url);
        const wanted = [...file.outcomes]
          .filter(([, outcome]) => outcome === 'created')
          .map(([ordinal]) => `${IMPORTED_URL}${ordinal}`);
        expect(urls.sort()).toEqual(wanted.sort());
        expect(importsFolder()).toEqual([report]);
        expect(await run.stop()).toBe(0);
      }),
    PATIENCE_MS,
  );

  it(
    `enriches every bookmark, none by two jobs at once, over ${KILLS} kills`,
    () =>
      run.telling(async () => {
        await run.start({ FORCE_PRESSURE_LEVEL: 'coordinate' });
        const created = await send('/api/bookmarks/bulk', {
          operations: pages.map((url) => ({ op: 'create', url, tags: ['page'] })),
        });
        expect(created.body).toMatchObject({ succeeded: PAGES, refused: 0 });
        await run.stop();

        const enriched = (): number =>
          run.rows.number(
            `select count(*) from bookmarks
           where enrichment_state = 'done' and json_extract(preview, '$.chosen.url') is not null`,
          );
        for (let kill = 0; kill < KILLS; kill += 1) {
          await run.start();
          const further = run.random.integer(1, 8);
          const { pagesAnswered, picturesAsked } = origins;
          const before = enriched();
          // Those that were under way at the last kill may have their picture already.
          origins.allow(kill % 3 === 0 ? further : further + 2 * PAGES_AT_ONCE);
          if (kill % 3 === 0) {
            await run.killWhen(
              `${further} more pages were answered`,
              () => origins.pagesAnswered >= pagesAnswered + further,
            );
          } else if (kill % 3 === 1) {
            await run.killWhen(
              `${further} more pictures were asked for`,
              () => origins.picturesAsked >= picturesAsked + further,
            );
          } else
            await run.killWhen(`${further} more previews were chosen`, () => enriched() >= before + further);
          // What would be through by now would prove nothing.
          expect(enriched()).toBeLessThan(PAGES);
        }

        await run.start();
        origins.allow(Number.MAX_SAFE_INTEGER);
        await run.until(
          'all enrichments have ended',
          () => run.rows.number(`select count(*) from jobs where kind = 'enrich' and state <> 'done'`) === 0,
        );
        expect(
          run.rows.all(
            `select enrichment_state as state, count(*) as count, count(distinct title) as titles,
             count(distinct json_extract(preview, '$.chosen.url')) as previews
           from bookmarks where url like '%/page/%' group by enrichment_state`,
          ),
        ).toEqual([{ state: 'done', count: PAGES, titles: PAGES, previews: PAGES }]);
        expect(
          run.rows.all(
            `select count(*) as jobs, count(distinct json_extract(payload, '$.bookmarkId')) as bookmarks
           from jobs where kind = 'enrich' and json_extract(result, '$.outcome') = 'done'`,
          ),
        ).toEqual([{ jobs: PAGES, bookmarks: PAGES }]);
        expect(origins.mostAtOnce).toBe(1);
        // Looked at again is at most what was under way at a kill.
        expect(origins.pagesAnswered).toBeLessThanOrEqual(PAGES + KILLS * PAGES_AT_ONCE);
        expect(origins.picturesAsked).toBeLessThanOrEqual(PAGES + KILLS * PAGES_AT_ONCE);
        // A variant that was not written yet is made again from its original when somebody asks.
        const ids = run.rows.all<{ id: string }>(`select id from bookmarks where enrichment_state = 'done'`);
        for (const { id } of ids) {
          const picture = await fetch(`${run.url}/api/bookmarks/${id}/image?w=480&format=webp`);
          expect([picture.status, (await picture.arrayBuffer()).byteLength > 0]).toEqual([200, true]);
        }
        const one = { records: PAGES, files: PAGES };
        await run.until(
          'all previews are stored',
          async () => (await storedObjects('variants')).files >= PAGES,
        );
        expect([await storedObjects('originals'), await storedObjects('variants')]).toEqual([one, one]);
        expect(origins.picturesAsked).toBeLessThanOrEqual(PAGES + KILLS * PAGES_AT_ONCE);
        expect(await run.stop()).toBe(0);
      }),
    PATIENCE_MS,
  );

  it(
    `does each hundred of a bulk request whole or not at all, over ${KILLS} kills`,
    () =>
      run.telling(async () => {
        // Jobs are made and wait: what is created without its job would never be enriched.
        const settings = { FORCE_PRESSURE_LEVEL: 'coordinate' };
        await run.start(settings);
        const targets = run.rows
          .all<{ id: string }>(`select id from bookmarks where url like '${IMPORTED_URL}%' order by id`)
          .map(({ id }) => id);
        let lost: readonly Chunk[] = [];
        let lostRequests = 0;
        for (let kill = 0; kill < KILLS; kill += 1) {
          if (kill > 0) await run.start(settings);
          // What was not acknowledged is sent again, as a client does.
          if (lost.length > 0) await bulk(lost);
          acknowledged.push(...lost);
          const chunks = Array.from({ length: CHUNKS_A_REQUEST }, (_, number) =>
            chunkOf(`c-${kill}-${number}`, targets),
          );
          const answer = bulk(chunks).then(
            () => true,
            () => false,
          );
          const until = run.random.integer(0, CHUNKS_A_REQUEST - 2);
          await run.killWhen(
            `${until} hundreds of request ${kill} are committed`,
            () => run.rows.number(`select count(*) from tags where name like 'c-${kill}-%'`) >= until,
          );
          const answered = await answer;
          const parts = chunks.map(doneOf);
          expect(parts.filter((part) => part !== 'whole' && part !== 'none')).toEqual([]);
          // In their order: nothing after a hole.
          expect(parts.slice(parts.indexOf('none')).includes('whole') && parts.includes('none')).toBe(false);
          if (answered) acknowledged.push(...chunks);
          else lostRequests += 1;
          lost = answered ? [] : chunks;
        }
        expect(lostRequests).toBeGreaterThan(KILLS / 2);
        await run.start(settings);
        await bulk(lost);
        acknowledged.push(...lost);
        expect(acknowledged.map(doneOf).filter((part) => part !== 'whole')).toEqual([]);
        expect(run.rows.number(`select count(*) from bookmarks where url like '${BULK_URL}%'`)).toBe(
          acknowledged.length * (CHUNK - TAGGED - DELETED),
        );
        expect(await run.stop()).toBe(0);
      }),
    PATIENCE_MS,
  );

  it(
    'has rows, tags, search and files that agree afterwards',
    () =>
      run.telling(async () => {
        expect(run.kills).toBeGreaterThanOrEqual(30);
        await run.start({ ENRICHMENT: 'off', FORCE_PRESSURE_LEVEL: 'coordinate', SEARCH_ENGINE: 'database' });
        await run.until(
          'search has followed every change',
          () =>
            run.rows.number(
              `select json_extract(value, '$.seq') from state where name = 'search.position'`,
            ) === run.rows.number(`select value from counters where name = 'change_seq'`),
        );
        const { body } = await send('/api/tags?prefix=c-&limit=100');
        const counts = (body['tags'] as { name: string; count: number }[]).map(({ name, count }) => [
          name,
          count,
        ]);
        expect(counts).toEqual(
          acknowledged
            .map(({ name }) => [name, CHUNK - DELETED])
            .sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
        );
        const found = async (words: string): Promise<unknown[]> =>
          ((await send(`/api/bookmarks?q=${encodeURIComponent(words)}`)).body['bookmarks'] as Json[]).map(
            ({ id }) => id,
          );
        const some = run.rows.all<{ id: string; title: string }>(
          `select id, title from bookmarks where title like 'Entry keel%' or title like 'Page hull%' order by id`,
        );
        for (let sample = 0; sample < 40; sample += 1) {
          const { id, title } = some[run.random.integer(0, some.length - 1)] ?? { id: '', title: '' };
          expect([title, await found(`"${title}"`)]).toEqual([title, [id]]);
        }
        for (const { name } of acknowledged.slice(0, 10)) expect(await found(`"${name} 0"`)).toHaveLength(1);
        expect(await run.stop()).toBe(0);

        run.rows.close();
        const file = new SqliteFile(join(dataDir, 'plimsoll.db'));
        const all = (query: string): unknown[] => file.prepare(query).all();
        expect(all('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
        expect(all('pragma foreign_key_check')).toEqual([]);
        file.exec(`insert into search_words (search_words) values ('integrity-check')`);
        expect(
          all(`select id from bookmarks where id not in (select bookmark_id from search_documents)
             union all select bookmark_id from search_documents where bookmark_id not in (select id from bookmarks)
             union all select rowid from search_words where rowid not in (select doc from search_documents)
             union all select doc from search_documents where doc not in (select rowid from search_words)`),
        ).toEqual([]);
        // Each tag that is left has a bookmark, and no deleted bookmark is there.
        expect(all(`select name from tags where id not in (select tag_id from bookmark_tags)`)).toEqual([]);
        expect(all(`select id from bookmarks where id in (select bookmark_id from tombstones)`)).toEqual([]);
        expect(
          all(`select json_extract(payload, '$.bookmarkId') as id from jobs
             where kind = 'enrich' group by id having count(*) > 1`),
        ).toEqual([]);
        file.close();
        expect(await readdir(join(dataDir, 'tmp'))).toEqual([]);
        expect(importsFolder().filter((name) => !name.endsWith('.report.jsonl'))).toEqual([]);
      }),
    PATIENCE_MS,
  );

  /** Creates, tags and deletes; the bookmarks that it tags and deletes are its own alone. */
  function chunkOf(name: string, targets: string[]): Chunk {
    const tagged = targets.splice(0, TAGGED);
    const deleted = targets.splice(0, DELETED);
    const created = CHUNK - TAGGED - DELETED;
    return {
      name,
      tagged,
      deleted,
      operations: [
        ...Array.from({ length: created }, (_, number) => ({
          op: 'create',
          url: `${BULK_URL}${name}/${number}`,
          title: `Bulk ${name} ${number}`,
          tags: [name],
        })),
        ...tagged.map((id) => ({ op: 'addTags', id, tags: [name] })),
        ...deleted.map((id) => ({ op: 'delete', id })),
      ],
    };
  }

  /** Resolves when the request was answered, each operation of it as done, now or before. */
  async function bulk(chunks: readonly Chunk[]): Promise<void> {
    const { status, body } = await send('/api/bookmarks/bulk', {
      operations: chunks.flatMap(({ operations }) => operations),
    });
    expect(status).toBe(200);
    const outcomes = new Set((body['results'] as Json[]).map(({ outcome, error }) => error ?? outcome));
    const known = ['created', 'existing', 'updated', 'unchanged', 'deleted'];
    // A bookmark that is deleted a second time is not there.
    const strange = [...outcomes].filter(
      (outcome) => !known.includes(String(outcome)) && (outcome as Json)['code'] !== 'bookmark-not-found',
    );
    expect(strange).toEqual([]);
  }

  /** How much of the chunk is in the rows: `whole`, `none`, or what there is of it. */
  function doneOf({ name, tagged, deleted }: Chunk): string {
    const list = (ids: readonly string[]): string => ids.map((id) => `'${id}'`).join(',');
    const made = `from tags join bookmark_tags on tags.id = tag_id join bookmarks on bookmarks.id = bookmark_id
      where tags.name = '${name}' and url like '${BULK_URL}%'`;
    const created = run.rows.number(`select count(*) ${made}`);
    const jobs = run.rows.number(
      `select count(*) from jobs where dedupe_key in (select 'enrich:' || bookmarks.id ${made})`,
    );
    const tags = run.rows.number(
      `select count(*) from bookmark_tags join tags on tags.id = tag_id where name = '${name}'`,
    );
    const of = run.rows.number(
      `select count(*) from bookmark_tags join tags on tags.id = tag_id
       where name = '${name}' and bookmark_id in (${list(tagged)})`,
    );
    const left = run.rows.number(`select count(*) from bookmarks where id in (${list(deleted)})`);
    const tombs = run.rows.number(`select count(*) from tombstones where bookmark_id in (${list(deleted)})`);
    const parts = [created, jobs, tags, of, DELETED - left, tombs].join(' ');
    const all = CHUNK - TAGGED - DELETED;
    if (parts === [all, all, all + TAGGED, TAGGED, DELETED, DELETED].join(' ')) return 'whole';
    return parts === '0 0 0 0 0 0' ? 'none' : `${name}: ${parts}`;
  }

  /** Records and data files of a kind of objects; equal when nothing is doubled or orphaned. */
  async function storedObjects(kind: string): Promise<{ readonly records: number; readonly files: number }> {
    const names = await readdir(join(dataDir, 'objects', kind), { recursive: true });
    const objects = names.filter((name) => /\/[\da-f]{32}\.\w+$/.test(name));
    const records = objects.filter((name) => name.endsWith('.json')).length;
    return { records, files: objects.length - records };
  }
});
