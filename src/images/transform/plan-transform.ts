import type { Settings } from '../../config/index.js';
import { PlimsollError } from '../../errors/index.js';
import type { ImageHeader, ImageOperation, OutputFormat } from '../../image-memory/index.js';
import type { Colour, ImageParameters } from '../image-request.js';
import { overWhite } from '../parameters/colour.js';
import type { Encoding } from './encoder-options.js';
import { resolveGeometry, type Geometry, type GeometryRequest, type Size } from './geometry.js';

/** A transform with everything decided: no step looks at parameters or settings again. Plain data, frozen. */
export interface TransformPlan {
  readonly header: ImageHeader;
  /** First page, from 0, and how many are decoded and encoded. */
  readonly page: number;
  readonly pages: number;
  /** Threshold; the rest of the geometry is resolved again from what trimming leaves. */
  readonly trim?: number;
  readonly flip: boolean;
  readonly flop: boolean;
  /** Degrees clockwise, 0 up to 360. */
  readonly rotate: number;
  readonly request: GeometryRequest;
  readonly geometry: Geometry;
  /** Opaque colour under a transparent picture; absent where transparency stays. */
  readonly flatten?: Colour;
  /** Colour of padding and of the corners of a rotation. */
  readonly canvas: Colour;
  readonly blur?: number;
  readonly sharpen?: number;
  readonly encoding: Encoding;
  /** One frame of the result, pixels; an upper bound where `trim` decides. */
  readonly width: number;
  readonly height: number;
  readonly animated: boolean;
  /** Are the bytes others than those of the full plan for the same format? Then they need a key of their own. */
  readonly cheaper: boolean;
  /** What the cost model estimates. */
  readonly operation: ImageOperation;
  /** When libvips is asked to stop, ms; see {@link transformImage} on what that is worth. */
  readonly timeoutMs: number;
}

/** Drawing a complex SVG costs 36 bytes and up to 20 s a megapixel, a plain one 5 bytes (`memory.md`, `svg-cost.ts`). */
const COMPLEX_SVG_MAX_PIXELS = 1_000_000;
const PLAIN_SVG_MAX_PIXELS = 16_000_000;

const WHITE: Colour = { r: 255, g: 255, b: 255, alpha: 1 };
const TRANSPARENT: Colour = { r: 0, g: 0, b: 0, alpha: 0 };

/** Sources in which every pixel is meant: a WebP of quality 100 keeps them all. */
const isLosslessSource = ({ format, lossless }: ImageHeader): boolean =>
  format === 'png' || format === 'gif' || format === 'tiff' || format === 'svg' || lossless === true;

/** Whether the source moves at all, whatever is asked of it. */
export function isAnimation({ format, pages }: ImageHeader): boolean {
  return pages > 1 && (format === 'gif' || format === 'webp');
}

/**
 * Whether the result moves, where the format can. Rotating, flipping top to bottom and trimming work on one picture
 * only (libvips keeps frames as one tall strip), so with them an animation becomes a still; strategies of position
 * look at one picture as well and give way to the centre.
 */
export function staysAnimated(header: ImageHeader, parameters: ImageParameters): boolean {
  return (
    isAnimation(header) &&
    parameters.animated &&
    parameters.page === undefined &&
    parameters.rotate === undefined &&
    !parameters.flip &&
    parameters.trim === undefined
  );
}

export interface PlanOptions {
  /** Memory is short: AVIF becomes WebP, nothing is lossless, JPEG goes without optimised coding. */
  readonly cheaper?: boolean;
}

/**
 * Resolves parameters against a header to a plan.
 *
 * @throws PlimsollError `invalid-parameter` for a page that the picture does not have.
 */
export function planTransform(
  header: ImageHeader,
  parameters: ImageParameters,
  outputFormat: OutputFormat,
  settings: Settings,
  { cheaper = false }: PlanOptions = {},
): TransformPlan {
  const format = cheaper && outputFormat === 'avif' ? 'webp' : outputFormat;
  const animated = staysAnimated(header, parameters) && (format === 'webp' || format === 'gif');
  const page = parameters.page ?? 0;
  if (page >= header.pages) {
    throw new PlimsollError(
      'invalid-parameter',
      `Parameter "page" must be less than ${header.pages}, the pages of this image, got ${page}.`,
      { details: { parameter: 'page' } },
    );
  }
  const pages = animated ? header.pages : 1;
  const rotate = parameters.rotate ?? 0;
  const request = geometryRequest(header, parameters, settings, animated, pages);
  const geometry = resolveGeometry(orientedSize(header), request);
  const { width, height } =
    parameters.trim === undefined ? geometry : trimmedBound(orientedSize(header), request);
  const quality = parameters.quality ?? settings.values.IMAGE_DEFAULT_QUALITY;
  const lossless = format === 'webp' && parameters.quality === 100 && isLosslessSource(header);
  const encoding: Encoding = { format, quality, lossless: lossless && !cheaper, optimiseCoding: !cheaper };
  const { background } = parameters;
  const canvas = format === 'jpeg' ? overWhite(background ?? WHITE) : (background ?? TRANSPARENT);
  const flatten = header.hasAlpha && (format === 'jpeg' || background?.alpha === 1) ? canvas : undefined;
  const showsCanvas = geometry.pad !== undefined || rotate % 90 !== 0 || parameters.trim !== undefined;
  // What trimming leaves may need a crop where the whole picture did not.
  const isStrategy = parameters.position === 'attention' || parameters.position === 'entropy';
  const smartCrop = geometry.smartCrop !== undefined || (parameters.trim !== undefined && isStrategy);
  const outputAlpha = (header.hasAlpha && flatten === undefined) || (showsCanvas && canvas.alpha < 1);
  return Object.freeze({
    header,
    page,
    pages,
    flip: parameters.flip,
    flop: parameters.flop,
    rotate,
    request,
    geometry,
    canvas,
    encoding,
    width,
    height,
    animated,
    cheaper: cheaper && (lossless || format === 'jpeg'),
    timeoutMs: settings.values.IMAGE_TIMEOUT_MS,
    operation: {
      outputWidth: width,
      outputHeight: height,
      pages,
      format,
      lossless: encoding.lossless,
      outputAlpha,
      optimiseCoding: encoding.optimiseCoding,
      palette: false,
      rotation: rotate % 90 !== 0 ? 'any-angle' : rotate !== 0 || parameters.flip ? 'right-angle' : 'none',
      trim: parameters.trim !== undefined || geometry.rotateFirst,
      ...(smartCrop ? { smartCrop } : {}),
    },
    ...(parameters.trim === undefined ? {} : { trim: parameters.trim }),
    ...(flatten === undefined ? {} : { flatten }),
    ...(parameters.blur === undefined ? {} : { blur: parameters.blur }),
    ...(parameters.sharpen === undefined ? {} : { sharpen: parameters.sharpen }),
  } satisfies TransformPlan);
}

/** Size of one frame as a person sees it: EXIF orientations 5 to 8 lie on their side. */
export function orientedSize({ width, height, orientation }: ImageHeader): Size {
  return orientation >= 5 ? { width: height, height: width } : { width, height };
}

function geometryRequest(
  header: ImageHeader,
  parameters: ImageParameters,
  { values }: Settings,
  animated: boolean,
  pages: number,
): GeometryRequest {
  const device = (side: number | undefined): number | undefined =>
    side === undefined ? undefined : Math.max(1, Math.round(side * parameters.dpr));
  const width = device(parameters.width);
  const height = device(parameters.height);
  const { position } = parameters;
  const isSvg = header.format === 'svg';
  const svgPixels = header.svgComplex === false ? PLAIN_SVG_MAX_PIXELS : COMPLEX_SVG_MAX_PIXELS;
  const maxSide = values.IMAGE_MAX_OUTPUT_SIDE;
  return {
    fit: parameters.fit,
    position: animated && (position === 'attention' || position === 'entropy') ? 'center' : position,
    rotate: parameters.rotate ?? 0,
    // A drawing has no size of its own to be enlarged from.
    enlarge: parameters.enlarge || isSvg,
    maxSide,
    maxPixels: isSvg
      ? svgPixels
      : Math.max(1, Math.min(maxSide ** 2, Math.floor(values.IMAGE_MAX_PIXELS / pages))),
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
  };
}

/** What can come out at most when trimming decides about the ratio. */
function trimmedBound(source: Size, { width, height, fit, enlarge, rotate, maxSide }: GeometryRequest): Size {
  const diagonal = Math.ceil(Math.hypot(source.width, source.height));
  const free = (own: number): number => Math.min(maxSide, enlarge ? maxSide : rotate === 0 ? own : diagonal);
  const isBound = fit !== 'outside' || width === undefined || height === undefined;
  return {
    width: (isBound ? width : undefined) ?? free(source.width),
    height: (isBound ? height : undefined) ?? free(source.height),
  };
}
