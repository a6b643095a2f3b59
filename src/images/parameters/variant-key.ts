import { createHash } from 'node:crypto';
import type { OutputFormat } from '../../image-memory/index.js';
import type { ImageParameters } from '../image-request.js';
import { canonicalWithoutFormat } from './canonical-parameters.js';

/** Raised whenever the same request gives other pixels than before, so that stored variants are made again. */
const PIPELINE_VERSION = 1;

/** What the bytes depend on beside source, parameters and format. */
export interface EncodingFacts {
  /** `IMAGE_DEFAULT_QUALITY`: an explicit `q` of the same value is the same variant. */
  readonly defaultQuality: number;
  /** `IMAGE_MAX_OUTPUT_SIDE`. */
  readonly maxOutputSide: number;
  /** Made by a cheaper plan; never served as the full one. */
  readonly cheaper: boolean;
}

/**
 * Key of a variant: SHA-256 in hex over everything that the bytes depend on and nothing else. `format` is the
 * negotiated one, never a header. `sourceIdentity` is the source with its revision (`upload:id`,
 * `remote:url#etag-or-hash`).
 */
export function variantKey(
  sourceIdentity: string,
  parameters: ImageParameters,
  format: OutputFormat,
  facts: EncodingFacts,
): string {
  const effective = { ...parameters, quality: parameters.quality ?? facts.defaultQuality };
  const parts = [
    PIPELINE_VERSION,
    sourceIdentity,
    canonicalWithoutFormat(effective),
    format,
    facts.maxOutputSide,
    facts.cheaper,
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
