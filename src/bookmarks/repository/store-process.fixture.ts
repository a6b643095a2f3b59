import { writeSync } from 'node:fs';
import { openTestDatabase } from '../../../test/support/test-database.js';
import { SystemClock } from '../../clock/index.js';
import { draftOf } from './drafts.fixture.js';
import { SqlBookmarkStore } from './sql-bookmark-store.js';

/** Synchronous: what was said before a kill has been said. */
const say = (line: string): void => void writeSync(1, `${line}\n`);

/** Imports, changes and deletes for ever, and says what was acknowledged, until it is killed. */
async function writeUntilKilled(dataDir: string, round: string): Promise<void> {
  const clock = new SystemClock();
  const { database } = await openTestDatabase({ dataDir, clock });
  const store = new SqlBookmarkStore(database, clock);
  say('ready');
  const importer = async (): Promise<void> => {
    for (let chunk = 0; ; chunk++) {
      const name = `${round}-chunk-${chunk}`;
      const drafts = Array.from({ length: 120 }, (_, n) => draftOf(`${name}/${n}`, { tags: [name, 'all'] }));
      await store.insert(drafts, 'merge', async (queries) => {
        await queries.insertInto('state').values({ name, value: '120', updated_at: 0 }).execute();
      });
      say(`chunk ${name}`);
    }
  };
  const editor = async (): Promise<void> => {
    for (let number = 0; ; number++) {
      const [outcome] = await store.insert([draftOf(`${round}-edited-${number}`)], 'keep');
      const id = outcome?.bookmark.id ?? '';
      say(`created ${id}`);
      await store.update(id, () => ({ note: 'edited', tags: ['edited'] }));
      say(`edited ${id}`);
      if (number % 2 === 0) continue;
      say(`removing ${id}`);
      await store.remove(id);
      say(`removed ${id}`);
    }
  };
  await Promise.all([importer(), editor()]);
}

const [dataDir = '', round = ''] = process.argv.slice(2);
await writeUntilKilled(dataDir, round);
