export { BookmarksModule } from './bookmarks.module.js';
export { PICTURE_LINKS, type BookmarkPictureLinks } from './routes/picture-links.js';
export { SearchService, type SearchSnapshot } from './search/search.service.js';
