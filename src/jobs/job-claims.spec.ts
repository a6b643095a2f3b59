import { SystemClock } from '../clock/index.js';
import { openTestDatabase } from '../../test/support/test-database.js';
import { describeClaims } from './job-claims.contract.js';

// A clock of its own: a lock is waited for in real time.
describeClaims('SQLite', (first) =>
  openTestDatabase({
    clock: new SystemClock(),
    ...(first === undefined ? {} : { dataDir: first.dataDir }),
  }),
);
