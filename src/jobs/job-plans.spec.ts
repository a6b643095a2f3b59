import { openTestDatabase } from '../../test/support/test-database.js';
import { describeJobPlans } from './job-plans.contract.js';

describeJobPlans('SQLite', () => openTestDatabase());
