export { BookmarksModule } from './bookmarks.module.js';
export { SearchService, type SearchSnapshot } from './search/search.service.js';
