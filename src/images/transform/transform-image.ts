import type { OutputInfo, Sharp, SharpOptions } from 'sharp';
import { PlimsollError } from '../../errors/index.js';
import type { OutputFormat } from '../../image-memory/index.js';
import type { ImageInput } from '../image-input.js';
import { sharp } from '../sharp-engine.js';
import { loadSvg } from '../svg/load-svg.js';
import { CONTENT_TYPES, encode } from './encoder-options.js';
import { resolveGeometry, type Geometry } from './geometry.js';
import { imageFailure } from './image-failure.js';
import type { TransformPlan } from './plan-transform.js';

export interface TransformResult {
  /** A private allocation of exactly this length: it can go into the cache as it is. */
  readonly bytes: Buffer;
  /** One frame, pixels. */
  readonly width: number;
  readonly height: number;
  readonly format: OutputFormat;
  readonly contentType: string;
  readonly hasAlpha: boolean;
  readonly pages: number;
}

/**
 * Carries out a plan: decode, geometry, sRGB, encode. The caller holds a lease for `plan.operation`, until this
 * promise settles and not a moment less: nothing that runs in libvips can be cancelled. Its timeout is set so that
 * work nobody waits for ends where libvips looks at it, between regions; encoders and SVG filters do not look.
 *
 * @throws PlimsollError `undecodable-image`, `image-too-many-pixels` (more pixels than the header said),
 *   `memory-pressure`, `operation-timeout`, `storage-unavailable`, `internal-error`; for an SVG also what
 *   sanitising throws.
 */
export async function transformImage(input: ImageInput, plan: TransformPlan): Promise<TransformResult> {
  try {
    const source = plan.header.format === 'svg' ? await loadSvg(input) : input;
    await checkPage(source, plan);
    const [pipeline, geometry] = await start(source, plan);
    const finished = encode(finish(pipeline, plan, geometry), plan.encoding);
    const { data, info } = await finished.timeout(timeout(plan)).toBuffer({ resolveWithObject: true });
    return describe(data, info, plan, geometry);
  } catch (error) {
    throw imageFailure(error, plan.timeoutMs);
  }
}

/**
 * How the source is opened. `failOn: 'error'` refuses truncated and damaged pixels but not the harmless warnings that
 * half of the cameras cause. The pixel limit is what the header promised: what was not weighed is not decoded.
 */
function sourceOptions({ header, page, pages, animated }: TransformPlan): SharpOptions {
  return {
    failOn: 'error',
    limitInputPixels: header.width * header.height * pages,
    ...(page > 0 ? { page } : {}),
    ...(animated ? { animated: true } : {}),
  };
}

const timeout = ({ timeoutMs }: TransformPlan): { seconds: number } => ({
  seconds: Math.max(1, Math.ceil(timeoutMs / 1000)),
});

/** Pages of a TIFF differ in size, and the plan holds for the size that was probed. */
async function checkPage(source: ImageInput, { header, page }: TransformPlan): Promise<void> {
  if (header.format !== 'tiff' || page === 0) return;
  const { width, height } = await sharp(source, {
    page,
    limitInputPixels: false,
    failOn: 'error',
  }).metadata();
  if (width !== header.width || height !== header.height) {
    throw new PlimsollError(
      'invalid-parameter',
      `Page ${page} of this TIFF has another size than its first page.`,
      {
        details: { parameter: 'page' },
      },
    );
  }
}

/**
 * Opens the source. Trimming takes a pass of its own, because all geometry depends on what it leaves; its result,
 * one byte a sample, is the source of the second pass.
 */
async function start(source: ImageInput, plan: TransformPlan): Promise<[Sharp, Geometry]> {
  const pipeline = sharp(source, sourceOptions(plan));
  const { header, trim } = plan;
  if (trim === undefined) return [pipeline, plan.geometry];
  if (header.orientation !== 1) pipeline.autoOrient();
  const { data, info } = await pipeline
    .trim({ threshold: trim })
    .raw()
    .timeout(timeout(plan))
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  return [
    sharp(data, { raw: { width, height, channels } }),
    resolveGeometry({ width, height }, plan.request),
  ];
}

/** The order of these calls matters to sharp: what is named before the resize happens before it. */
function finish(pipeline: Sharp, plan: TransformPlan, geometry: Geometry): Sharp {
  const { header, flip, flop, rotate, canvas } = plan;
  const { resize, crop, pad, smartCrop, rotateFirst } = geometry;
  if (plan.flatten !== undefined) pipeline.flatten({ background: plan.flatten });
  if (rotateFirst) pipeline.rotate(rotate, { background: canvas });
  if (smartCrop === undefined) pipeline.resize(resize.width, resize.height, { fit: 'fill' });
  else pipeline.resize(resize.width, resize.height, { fit: 'cover', position: smartCrop });
  if (!rotateFirst && rotate !== 0) pipeline.rotate(rotate, { background: canvas });
  if (crop !== undefined) pipeline.extract({ ...crop });
  // After extract(), which would otherwise put the orientation before the resize and lose shrinking on load.
  if (header.orientation !== 1 && plan.trim === undefined) pipeline.autoOrient();
  if (flip) pipeline.flip();
  if (flop) pipeline.flop();
  if (pad !== undefined) pipeline.extend({ ...pad, background: canvas });
  if (plan.blur !== undefined) pipeline.blur(plan.blur);
  if (plan.sharpen !== undefined) pipeline.sharpen({ sigma: plan.sharpen });
  return pipeline;
}

function describe(
  data: Buffer,
  info: OutputInfo,
  { encoding, pages }: TransformPlan,
  geometry: Geometry,
): TransformResult {
  if ((info.pages ?? 1) !== pages) {
    throw new PlimsollError(
      'undecodable-image',
      'The image could not be decoded: it is damaged or truncated.',
      {
        logMessage: `${info.pages ?? 1} of ${pages} frames`,
      },
    );
  }
  // sharp's info is wrong where a crop is followed by padding; a strategy decides about its crop itself.
  const size = geometry.smartCrop === undefined ? geometry : info;
  return Object.freeze({
    bytes: exact(data),
    width: size.width,
    height: size.height,
    format: encoding.format,
    contentType: CONTENT_TYPES[encoding.format],
    hasAlpha: info.hasAlpha,
    pages,
  });
}

/** sharp gives an allocation of its own; should that ever change, a copy keeps the promise. */
function exact(data: Buffer): Buffer {
  if (data.buffer.byteLength === data.byteLength) return data;
  const copy = Buffer.allocUnsafeSlow(data.byteLength);
  data.copy(copy);
  return copy;
}
