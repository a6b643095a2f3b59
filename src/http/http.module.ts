import { Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE } from '@nestjs/core';
import { DrainState, MEMORY_STATUS, type MemoryStatus } from '../health/index.js';
import { AccessGuard } from './access.guard.js';
import { DocsController } from './docs.controller.js';
import { OpenApiDocument } from './open-api-document.js';
import { PictureLinksModule } from './picture-links.module.js';
import { PressureGate } from './pressure-gate.js';
import { ProblemFilter } from './problem-filter.js';
import { createValidationPipe } from './validation-pipe.js';

/**
 * What surrounds every route: problems, access, the pressure gate, the API's description. Uses `health` (same
 * level: drain state and memory status), `bookmarks` (the token of its picture links), `config`, `clock`, `errors`.
 */
@Module({
  imports: [PictureLinksModule],
  controllers: [DocsController],
  providers: [
    OpenApiDocument,
    {
      provide: PressureGate,
      useFactory: (memory: MemoryStatus, drain: DrainState) =>
        new PressureGate(
          () => memory.level(),
          () => drain.isDraining,
        ),
      inject: [MEMORY_STATUS, DrainState],
    },
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: APP_PIPE, useFactory: createValidationPipe },
  ],
  exports: [PressureGate, OpenApiDocument],
})
export class HttpModule {}
