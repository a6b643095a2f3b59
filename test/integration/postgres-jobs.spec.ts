import { afterAll, beforeAll } from '@jest/globals';
import { SystemClock } from '../../src/clock/index.js';
import { describeClaims } from '../../src/jobs/job-claims.contract.js';
import { describeJobPlans } from '../../src/jobs/job-plans.contract.js';
import { describeJobQueue } from '../../src/jobs/job-queue.contract.js';
import { startPostgres, type PostgresServer } from '../support/postgres-server.js';
import { openTestDatabase, type TestDatabase } from '../support/test-database.js';

let server: PostgresServer;
const urls = new WeakMap<TestDatabase, string>();

beforeAll(async () => {
  server = await startPostgres();
}, 60_000);

afterAll(() => server.close());

/** A database of its own, or that of `first` through other connections. */
async function open(first?: TestDatabase): Promise<TestDatabase> {
  const url = (first === undefined ? undefined : urls.get(first)) ?? (await server.createDatabase());
  const test = await openTestDatabase({ clock: new SystemClock(), settings: { DATABASE_URL: url } });
  urls.set(test, url);
  return test;
}

describeJobQueue('PostgreSQL', () => open());
describeClaims('PostgreSQL', open);
describeJobPlans('PostgreSQL', () => open());
