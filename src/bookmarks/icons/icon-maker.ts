import { Injectable } from '@nestjs/common';
import { PlimsollError } from '../../errors/index.js';
import { DerivedImages, type DerivedWork, type NormalisedPicture } from '../../images/index.js';
import { genericReason, type GenericReason } from './generic-icon.js';
import { icoPictures, isIco, type IcoPicture } from './ico-entries.js';
import { makeGrid } from './make-grid.js';
import { isDarkMark, pictureFacts } from './picture-facts.js';

/** Largest side that is kept, pixels: the largest that app manifests ask for. */
const KEPT_SIDE = 512;

/** Most pixels of an icon, all frames together. */
const MAX_PIXELS = 16_000_000;

/** Smaller pictures are spacers and beacons, not icons. */
const SMALLEST_SIDE = 12;

/** Longer pictures are banners. */
const LONGEST_RATIO = 3;

/** An icon that may be shown. */
export interface MadeIcon {
  readonly png: Buffer;
  /** Shorter side of the source, pixels; a drawing has any size. */
  readonly side: number;
  /** Dark on a transparent ground: not seen on a dark page. */
  readonly darkMark: boolean;
}

/** Why a picture that decodes is not taken. */
export type IconRefusal = GenericReason | 'too-small' | 'not-square';

export type IconVerdict =
  | { readonly kind: 'icon'; readonly icon: MadeIcon }
  | { readonly kind: 'refused'; readonly reason: IconRefusal };

/** Makes an icon of bytes, or says why they are none. */
@Injectable()
export class IconMaker {
  constructor(private readonly derived: DerivedImages) {}

  /**
   * @throws PlimsollError `not-an-image`, `undecodable-image`, `image-too-many-pixels`; those of admission
   */
  async make(bytes: Buffer, work: DerivedWork): Promise<IconVerdict> {
    const picture = isIco(bytes) ? await this.fromIco(bytes, work) : await this.normalise(bytes, work);
    const { width, height, format } = picture.source;
    const side = format === 'svg' ? Math.min(picture.width, picture.height) : Math.min(width, height);
    if (side < SMALLEST_SIDE) return { kind: 'refused', reason: 'too-small' };
    if (Math.max(width, height) > LONGEST_RATIO * Math.min(width, height))
      return { kind: 'refused', reason: 'not-square' };
    const grid = await this.derived.run('icon grid', work, (engine) => makeGrid(engine, picture.png));
    const facts = pictureFacts(grid);
    const reason = genericReason(grid, facts);
    if (reason !== undefined) return { kind: 'refused', reason };
    return { kind: 'icon', icon: { png: picture.png, side, darkMark: isDarkMark(facts) } };
  }

  /** The same mark for a dark ground: light becomes dark and dark light, hues stay. */
  async invert(png: Buffer, work: DerivedWork): Promise<Buffer> {
    return this.derived.run('icon inversion', work, (engine) =>
      engine(png).ensureAlpha().negate({ alpha: false }).modulate({ hue: 180 }).png().toBuffer(),
    );
  }

  private async normalise(bytes: Buffer, work: DerivedWork): Promise<NormalisedPicture> {
    return this.derived.normalise(bytes, { side: KEPT_SIDE, maxPixels: MAX_PIXELS }, work);
  }

  /** The largest picture of an icon file that decodes. */
  private async fromIco(bytes: Buffer, work: DerivedWork): Promise<NormalisedPicture> {
    let fault = new PlimsollError('undecodable-image', 'The icon file holds no picture that can be decoded.');
    for (const picture of icoPictures(bytes)) {
      try {
        return await this.normalise(await this.encoded(picture, work), work);
      } catch (error) {
        if (!(error instanceof PlimsollError) || !BAD_PICTURE.has(error.code)) throw error;
        fault = error;
      }
    }
    throw fault;
  }

  private async encoded(picture: IcoPicture, work: DerivedWork): Promise<Buffer> {
    if (picture.kind === 'png') return picture.bytes;
    const { rgba, width, height } = picture;
    return this.derived.run('icon bitmap', work, (engine) =>
      engine(rgba, { raw: { width, height, channels: 4 } })
        .png()
        .toBuffer(),
    );
  }
}

const BAD_PICTURE: ReadonlySet<string> = new Set([
  'not-an-image',
  'undecodable-image',
  'image-too-many-pixels',
]);
