/** Formats that sharp's prebuilt libvips decodes. */
export type SourceFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff' | 'avif' | 'svg';

/** Formats that we encode. */
export type OutputFormat = 'jpeg' | 'png' | 'webp' | 'avif' | 'gif';

/** What the header of an image says; read without decoding a pixel. */
export interface ImageHeader {
  readonly format: SourceFormat;
  /** Pixels of one frame, before EXIF orientation. */
  readonly width: number;
  readonly height: number;
  /** Frames or pages, at least 1. */
  readonly pages: number;
  readonly channels: number;
  readonly bitsPerSample: number;
  readonly hasAlpha: boolean;
  /** Progressive JPEG or interlaced PNG. */
  readonly progressive: boolean;
  /** JPEG only; CMYK images report `cmyk`. */
  readonly chromaSubsampling?: '4:2:0' | '4:2:2' | '4:4:4' | 'cmyk' | 'other';
  /** WebP only: VP8L, by the chunk's fourcc. */
  readonly lossless?: boolean;
  /** SVG only: uses filters, masks, patterns, images, clip paths or text. */
  readonly svgComplex?: boolean;
  /** EXIF orientation, 1 to 8. */
  readonly orientation: number;
  /** Length of the source, bytes. */
  readonly bytes: number;
}

/** What is asked of libvips, reduced to what its memory depends on. */
export interface ImageOperation {
  readonly outputWidth: number;
  readonly outputHeight: number;
  /** Frames that are decoded and encoded. */
  readonly pages: number;
  readonly format: OutputFormat;
  readonly lossless: boolean;
  readonly outputAlpha: boolean;
  /** JPEG only: `false` skips optimised coding (0.97 instead of 6.9 bytes a pixel). */
  readonly optimiseCoding: boolean;
  readonly palette: boolean;
  readonly rotation: 'none' | 'right-angle' | 'any-angle';
  /** Trim looks at every pixel of the source before the resize, so nothing shrinks on load. */
  readonly trim: boolean;
  /** A strategy looks for what to keep: it sees the scaled picture whole. Absent means no. */
  readonly smartCrop?: boolean;
}
