import { describeSearch } from './search.contract.js';
import { startSearchRooms } from './search.fixture.js';

describeSearch('memory', () => startSearchRooms());
describeSearch('sqlite-fts', () => startSearchRooms({ SEARCH_ENGINE: 'database' }));
