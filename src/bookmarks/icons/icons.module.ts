import { Module } from '@nestjs/common';
import { ImagesModule } from '../../images/index.js';
import { DarkIcons } from './dark-icons.js';
import { IconBook } from './icon-book.js';
import { IconFinder } from './icon-finder.js';
import { IconLookups } from './icon-lookups.js';
import { IconMaker } from './icon-maker.js';
import { IconService } from './icon.service.js';
import { IconsController } from './icons.controller.js';
import { LetterIcons } from './letter-icons.js';

/**
 * Icons of sites. Uses images (decoding, variants, answers), remote-fetch, object-storage, server-cache, image-memory
 * and async-ops.
 */
@Module({
  imports: [ImagesModule],
  controllers: [IconsController],
  providers: [DarkIcons, IconBook, IconFinder, IconLookups, IconMaker, IconService, LetterIcons],
  exports: [IconService],
})
export class IconsModule {}
