import { Global, Module } from '@nestjs/common';
import { Disk, DISK } from './disk.js';
import { FilesystemStore } from './filesystem-store.js';
import { OBJECT_STORE } from './object-store.js';
import { RecordFlush } from './record-flush.js';

/**
 * Where originals, uploads and variants live. Uses `config`, `clock`, `errors`, `events` (emergency
 * flush) and `process-memory` (byte accounts). One process owns DATA_DIR.
 */
@Global()
@Module({
  providers: [
    { provide: DISK, useFactory: () => new Disk() },
    { provide: OBJECT_STORE, useClass: FilesystemStore },
    RecordFlush,
  ],
  exports: [OBJECT_STORE],
})
export class ObjectStorageModule {}
