import { Module, type DynamicModule } from '@nestjs/common';
import { AdminModule } from './admin/index.js';
import { AsyncOpsModule } from './async-ops/index.js';
import { BookmarksModule } from './bookmarks/index.js';
import { ClockModule } from './clock/index.js';
import { ConfigModule, type Settings } from './config/index.js';
import { DatabaseModule } from './database/index.js';
import { EventsModule } from './events/index.js';
import { HealthMonitorModule } from './health-monitor/index.js';
import { HealthModule } from './health/index.js';
import { HttpModule, MemoryHitsModule, QuotaModule } from './http/index.js';
import { ImageMemoryModule } from './image-memory/index.js';
import { ImagesModule } from './images/index.js';
import { JobGateModule } from './job-gate.module.js';
import { JobsModule } from './jobs/index.js';
import { MemGuardModule } from './mem-guard/index.js';
import { ObjectStorageModule } from './object-storage/index.js';
import { OperationsModule } from './operations/index.js';
import { ProcessMemoryModule } from './process-memory/index.js';
import { RemoteFetchModule } from './remote-fetch/index.js';
import { ServerCacheModule } from './server-cache/index.js';

/** The composition root: every room, lowest level first. */
@Module({})
export class AppModule {
  static forRoot(settings: Settings): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(settings),
        ClockModule,
        EventsModule,
        ProcessMemoryModule,
        AsyncOpsModule,
        ImageMemoryModule,
        ServerCacheModule,
        ObjectStorageModule,
        RemoteFetchModule,
        DatabaseModule,
        JobGateModule,
        JobsModule,
        HealthMonitorModule,
        MemGuardModule,
        QuotaModule,
        ImagesModule,
        BookmarksModule,
        HealthModule,
        AdminModule,
        OperationsModule,
        MemoryHitsModule,
        HttpModule,
      ],
    };
  }
}
