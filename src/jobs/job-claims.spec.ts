import { openTestDatabase } from '../../test/support/test-database.js';
import { describeClaims } from './job-claims.contract.js';

describeClaims('SQLite', (first) => openTestDatabase(first === undefined ? {} : { dataDir: first.dataDir }));
