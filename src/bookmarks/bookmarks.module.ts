import { Module } from '@nestjs/common';
import { ImagesModule } from '../images/index.js';
import { ENRICHMENT_PROVIDERS } from './enrichment/enrichment-providers.js';
import { IconsModule } from './icons/icons.module.js';
import { KARAKEEP_PROVIDERS } from './karakeep/karakeep-providers.js';
import { KarakeepController } from './karakeep/karakeep.controller.js';
import { BOOKMARK_STORE } from './model/bookmark-store.js';
import { SqlBookmarkStore } from './repository/sql-bookmark-store.js';
import { BookmarkImageController } from './routes/bookmark-image.controller.js';
import { BookmarkListController } from './routes/bookmark-list.controller.js';
import { BookmarksController } from './routes/bookmarks.controller.js';
import { RefreshController } from './routes/refresh.controller.js';
import { TagsController } from './routes/tags.controller.js';
import { SEARCH_PROVIDERS } from './search/search-providers.js';
import { SearchService } from './search/search.service.js';
import { BookmarkLists } from './service/bookmark-lists.service.js';
import { BookmarksService } from './service/bookmarks.service.js';
import { BulkService } from './service/bulk.service.js';
import { ChangeFeedService } from './service/change-feed.service.js';
import { RefreshService } from './service/refresh.service.js';
import { TagsService } from './service/tags.service.js';
import { TombstoneKeeper } from './service/tombstone-keeper.js';
import { ExportService } from './transfer/export/export.service.js';
import { ImportFiles } from './transfer/import/import-files.js';
import { ImportJob } from './transfer/import/import-job.js';
import { ImportPruner } from './transfer/import/import-pruner.js';
import { ImportService } from './transfer/import/import.service.js';
import { TransferController } from './transfer/transfer.controller.js';

/**
 * Bookmarks: kept, enriched, searched, brought in and out. Uses `database` (rows), `jobs` (work that outlives a
 * request), `remote-fetch` (pages), `images` (previews and icons), `object-storage`, `image-memory` and `async-ops`.
 */
@Module({
  imports: [ImagesModule, IconsModule],
  // `bookmarks/:id` stands before `bookmarks/export`: the router sorts by specificity and refuses the other order.
  controllers: [
    BookmarksController,
    BookmarkImageController,
    BookmarkListController,
    KarakeepController,
    RefreshController,
    TagsController,
    TransferController,
  ],
  providers: [
    ...ENRICHMENT_PROVIDERS,
    ...KARAKEEP_PROVIDERS,
    ...SEARCH_PROVIDERS,
    BookmarkLists,
    BookmarksService,
    BulkService,
    ChangeFeedService,
    ExportService,
    ImportFiles,
    ImportJob,
    ImportPruner,
    ImportService,
    RefreshService,
    SqlBookmarkStore,
    TagsService,
    TombstoneKeeper,
    { provide: BOOKMARK_STORE, useExisting: SqlBookmarkStore },
  ],
  exports: [SearchService],
})
export class BookmarksModule {}
