import { Global, Module } from '@nestjs/common';
import { CLOCK, type Clock } from '../clock/index.js';
import { SETTINGS, type Settings } from '../config/index.js';
import { ByteAccounts } from '../process-memory/index.js';
import { DATABASE } from './database.js';
import { openDatabase } from './open-database.js';

/**
 * Rows of bookmarks and jobs. Uses `config`, `clock`, `errors` and `process-memory` (byte accounts). Listed before every
 * module that uses it: global modules close in reverse order.
 */
@Global()
@Module({
  providers: [
    {
      provide: DATABASE,
      inject: [SETTINGS, CLOCK, ByteAccounts],
      useFactory: (settings: Settings, clock: Clock, accounts: ByteAccounts) =>
        openDatabase(settings, clock, accounts),
    },
  ],
  exports: [DATABASE],
})
export class DatabaseModule {}
