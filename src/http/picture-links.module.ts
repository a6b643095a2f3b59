import { Global, Module } from '@nestjs/common';
import { PICTURE_LINKS } from '../bookmarks/index.js';
import { PictureLinks } from './picture-links.js';

/** Gives `bookmarks` the links that it asks for: global, because it lies below. Uses `bookmarks`, `config`, `clock`. */
@Global()
@Module({
  providers: [PictureLinks, { provide: PICTURE_LINKS, useExisting: PictureLinks }],
  exports: [PictureLinks, PICTURE_LINKS],
})
export class PictureLinksModule {}
