import { Global, Module } from '@nestjs/common';
import { MemGuard } from './mem-guard.js';

/** The 90/95 % watchdog. Uses image-memory and server-cache by direct call, process-memory, async-ops. */
@Global()
@Module({ providers: [MemGuard], exports: [MemGuard] })
export class MemGuardModule {}
