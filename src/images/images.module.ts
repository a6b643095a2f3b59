import { Module } from '@nestjs/common';
import { DerivedImages } from './derived/derived-images.js';
import { HitTable } from './delivery/hit-table.js';
import { HitTableFlush } from './delivery/hit-table-flush.js';
import { ImageResponder } from './delivery/image-responder.js';
import { ImageFactsService } from './facts/image-facts.service.js';
import { ImagesController } from './images.controller.js';
import { RequestCharges } from './request-charges.js';
import { RequestReader } from './request-reader.js';
import { SourceLoader } from './sources/source-loader.js';
import { SourceRecords } from './sources/source-records.js';
import { StoreWriter } from './sources/store-writer.js';
import { UnifiedImageService } from './unified-image.service.js';
import { UploadService } from './uploads/upload.service.js';
import { FormatChooser } from './variants/format-chooser.js';
import { VariantMaker } from './variants/variant-maker.js';
import { VariantPurger } from './variants/variant-purger.js';
import { DecoderPriority } from './work/decoder-priority.js';
import { NativeWork } from './work/native-work.js';

/**
 * Images: request → plan → variant. Uses image-memory (admission, buffers), server-cache (records),
 * object-storage, remote-fetch, async-ops and process-memory. The client quota is provided by whoever composes
 * the application.
 */
@Module({
  controllers: [ImagesController],
  providers: [
    DecoderPriority,
    DerivedImages,
    FormatChooser,
    HitTable,
    HitTableFlush,
    ImageFactsService,
    ImageResponder,
    NativeWork,
    RequestCharges,
    RequestReader,
    SourceLoader,
    SourceRecords,
    StoreWriter,
    UnifiedImageService,
    UploadService,
    VariantMaker,
    VariantPurger,
  ],
  exports: [
    DerivedImages,
    HitTable,
    ImageResponder,
    RequestCharges,
    RequestReader,
    StoreWriter,
    UnifiedImageService,
  ],
})
export class ImagesModule {}
