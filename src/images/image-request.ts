import type { OutputFormat } from '../image-memory/index.js';
import type { ObjectKey } from '../object-storage/index.js';

/** `inside` and `outside` keep the ratio; names and meaning are those of CSS and sharp. */
export type Fit = 'cover' | 'contain' | 'fill' | 'inside' | 'outside';

/** A named gravity, a strategy, or a focal point in shares of the picture (0 to 1). */
export type Position =
  | 'center'
  | 'top'
  | 'bottom'
  | 'left'
  | 'right'
  | 'left-top'
  | 'right-top'
  | 'left-bottom'
  | 'right-bottom'
  | 'entropy'
  | 'attention'
  | { readonly x: number; readonly y: number };

/** `auto` negotiates by Accept, `original` passes the stored bytes on unchanged. */
export type RequestedFormat = 'auto' | 'original' | OutputFormat;

/** Opaque colour with alpha, each 0 to 255, alpha 0 to 1. */
export interface Colour {
  readonly r: number;
  readonly g: number;
  readonly b: number;
  readonly alpha: number;
}

/** The validated parameters of an image request, presets resolved; absent means "as the source has it". Frozen. */
export interface ImageParameters {
  /** CSS pixels before `dpr`. */
  readonly width?: number;
  readonly height?: number;
  readonly dpr: number;
  readonly fit: Fit;
  readonly position: Position;
  readonly format: RequestedFormat;
  /** 1 to 100. */
  readonly quality?: number;
  readonly background?: Colour;
  /** Degrees clockwise, -360 to 360, after EXIF orientation. */
  readonly rotate?: number;
  readonly flip: boolean;
  readonly flop: boolean;
  /** Sigma, 0.3 to 100. */
  readonly blur?: number;
  /** Sigma, 0.3 to 10. */
  readonly sharpen?: number;
  /** Threshold of border trimming, 0 to 100. */
  readonly trim?: number;
  readonly animated: boolean;
  /** Frame or page, from 0. */
  readonly page?: number;
  readonly enlarge: boolean;
  /** Cache buster; part of the key, no other effect. */
  readonly version?: string;
}

/** Where the picture comes from. */
export type ImageSource =
  | { readonly kind: 'remote'; /** Normalised absolute URL. */ readonly url: string }
  | { readonly kind: 'upload'; readonly id: string }
  | {
      /** A picture that another room chose or drew, kept by `DerivedImages`; it can be made again. */
      readonly kind: 'derived';
      readonly key: ObjectKey;
    };

export type Delivery = 'bytes' | 'redirect' | 'json';

export interface ImageRequest {
  readonly source: ImageSource;
  readonly parameters: ImageParameters;
  readonly delivery: Delivery;
}
