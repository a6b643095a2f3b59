import { afterAll, beforeAll } from '@jest/globals';
import { describeSearch } from '../../src/bookmarks/search/search.contract.js';
import { startSearchRooms } from '../../src/bookmarks/search/search.fixture.js';
import { startPostgres, type PostgresServer } from '../support/postgres-server.js';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
}, 60_000);

afterAll(async () => {
  await server.close();
});

describeSearch('postgres', async () =>
  startSearchRooms({ SEARCH_ENGINE: 'database', DATABASE_URL: await server.createDatabase() }),
);
