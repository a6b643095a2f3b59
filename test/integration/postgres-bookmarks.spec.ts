import { afterAll, beforeAll } from '@jest/globals';
import { sql } from 'kysely';
import { describeBookmarkStore } from '../../src/bookmarks/repository/bookmark-store.contract.js';
import { SystemClock } from '../../src/clock/index.js';
import { FakeClock } from '../support/fake-clock.js';
import { startPostgres, type PostgresServer } from '../support/postgres-server.js';
import { openTestDatabase, type TestDatabase } from '../support/test-database.js';

let server: PostgresServer;
let shared: TestDatabase;

beforeAll(async () => {
  server = await startPostgres();
  const settings = { DATABASE_URL: await server.createDatabase() };
  shared = await openTestDatabase({ clock: new SystemClock(), settings });
}, 60_000);

afterAll(async () => {
  await shared.close();
  await server.close();
});

describeBookmarkStore('PostgreSQL', () =>
  Promise.resolve({
    database: shared.database,
    clock: new FakeClock(),
    close: async () => {
      await sql`truncate bookmarks, bookmark_tags, tags, tombstones, state`.execute(shared.database.queries);
      await shared.database.queries.updateTable('counters').set({ value: 0 }).execute();
    },
  }),
);
