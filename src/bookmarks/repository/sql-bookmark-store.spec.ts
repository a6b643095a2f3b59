import { FakeClock } from '../../../test/support/fake-clock.js';
import { openTestDatabase } from '../../../test/support/test-database.js';
import { describeBookmarkStore } from './bookmark-store.contract.js';

describeBookmarkStore('SQLite', async () => {
  const clock = new FakeClock();
  const { database, close } = await openTestDatabase({ clock });
  return { database, clock, close };
});
