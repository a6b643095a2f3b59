import { Module } from '@nestjs/common';
import { HitTable, ImagesModule } from '../images/index.js';
import { HIT_LOOKUP } from './hit-lookup.js';

/** Gives the responder in front of Express the answers that `images` has prepared. Uses `images`. */
@Module({
  imports: [ImagesModule],
  providers: [{ provide: HIT_LOOKUP, useExisting: HitTable }],
  exports: [HIT_LOOKUP],
})
export class MemoryHitsModule {}
