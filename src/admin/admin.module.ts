import { Module } from '@nestjs/common';
import { BookmarksModule } from '../bookmarks/index.js';
import { ImagesModule } from '../images/index.js';
import { AdminCaches } from './admin-caches.js';
import { AdminController } from './admin.controller.js';
import { AuditInterceptor } from './audit.interceptor.js';
import { Drills } from './drills.js';
import { JsonBodyInterceptor } from './json-body.interceptor.js';

/**
 * What operators may do to a running server: empty caches, collect garbage, rehearse a level, look into the heap. Uses
 * `bookmarks` (search index), `images` (hit table), `object-storage`, `health-monitor` (diagnosis), `server-cache`, `image-memory` and
 * `process-memory`. Who may call is decided by the table in `http`.
 */
@Module({
  imports: [BookmarksModule, ImagesModule],
  controllers: [AdminController],
  providers: [AdminCaches, AuditInterceptor, Drills, JsonBodyInterceptor],
})
export class AdminModule {}
