import { SystemClock } from '../clock/index.js';
import { openTestDatabase } from '../../test/support/test-database.js';
import { describeJobQueue } from './job-queue.contract.js';

// A clock of its own: a lock is waited for in real time.
describeJobQueue('SQLite', () => openTestDatabase({ clock: new SystemClock() }));
