import type { Settings } from '../../config/index.js';
import type { Delivery, Fit, ImageParameters, RequestedFormat } from '../image-request.js';
import { parseColour } from './colour.js';
import { conflictingParameter, invalidParameter, quote } from './invalid-parameter.js';
import { PlimsollError } from '../../errors/index.js';
import {
  PARAMETERS,
  parameterBySpelling,
  REQUEST_PARAMETERS,
  type ParameterName,
} from './parameter-table.js';
import { parsePosition } from './position.js';

export type QueryPairs = readonly (readonly [string, string])[];

/** What the query of an image route says. `sig` and `exp` are checked for being known and single, not read. */
export interface ParsedImageQuery {
  readonly parameters: ImageParameters;
  readonly delivery: Delivery;
  /** As the client sent it, decoded once. Whether it may be fetched is for the fetcher to say. */
  readonly url?: string;
}

/** Longest source URL, characters; Next stops at 3072, signed URLs of object stores stay below 2048. */
const MAX_URL_CHARACTERS = 4096;

const FITS: Readonly<Record<string, Fit>> = {
  cover: 'cover',
  contain: 'contain',
  fill: 'fill',
  inside: 'inside',
  outside: 'outside',
  crop: 'cover',
  pad: 'contain',
  stretch: 'fill',
  'scale-down': 'inside',
  'fit-in': 'inside',
  max: 'inside',
  clip: 'inside',
};

const FORMATS: Readonly<Record<string, RequestedFormat>> = {
  auto: 'auto',
  avif: 'avif',
  webp: 'webp',
  jpeg: 'jpeg',
  jpg: 'jpeg',
  png: 'png',
  gif: 'gif',
  original: 'original',
};

const DELIVERIES: Readonly<Record<string, Delivery>> = { bytes: 'bytes', redirect: 'redirect', json: 'json' };

type RawValues = ReadonlyMap<ParameterName, string>;

/**
 * Reads the query of an image route. `pairs` are decoded exactly once, in the order sent.
 *
 * @throws PlimsollError `invalid-parameter` for an unknown, repeated (also by alias), malformed or out-of-range one.
 */
export function parseImageQuery(pairs: QueryPairs, settings: Settings): ParsedImageQuery {
  const raw = collect(pairs);
  const preset = raw.get('preset');
  const merged = preset === undefined ? raw : new Map([...presetValues(preset, settings), ...raw]);
  const url = raw.get('url');
  if (url !== undefined && (url.trim() === '' || url.length > MAX_URL_CHARACTERS))
    throw invalidParameter('url', url);
  return Object.freeze({
    parameters: readParameters(merged, settings),
    delivery: oneOf('delivery', raw, DELIVERIES) ?? 'bytes',
    ...(url === undefined ? {} : { url }),
  });
}

/**
 * Reads all presets once, so that a wrong one stops the start and not a request.
 *
 * @throws PlimsollError `invalid-parameter`, naming the preset.
 */
export function checkPresets(settings: Settings): void {
  for (const name of Object.keys(settings.values.IMAGE_PRESETS ?? {})) {
    try {
      readParameters(presetValues(name, settings), settings);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new PlimsollError(
        'invalid-parameter',
        `Preset "${name}" of IMAGE_PRESETS cannot be used: ${reason}`,
        { cause: error },
      );
    }
  }
}

function collect(pairs: QueryPairs): Map<ParameterName, string> {
  const raw = new Map<ParameterName, string>();
  for (const [spelling, value] of pairs) {
    const name = parameterBySpelling(spelling);
    if (name === undefined) {
      throw new PlimsollError(
        'invalid-parameter',
        `Unknown parameter ${quote(spelling)}; known are ${Object.keys(PARAMETERS).join(', ')}.`,
      );
    }
    if (raw.has(name)) {
      const alias = spelling === name ? '' : ` (here as ${quote(spelling)})`;
      throw conflictingParameter(name, `Parameter "${name}" was given more than once${alias}; give it once.`);
    }
    raw.set(name, value);
  }
  return raw;
}

function presetValues(name: string, settings: Settings): RawValues {
  const presets = settings.values.IMAGE_PRESETS ?? {};
  const text = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (text === undefined) {
    const known = Object.keys(presets);
    throw invalidParameter(
      'preset',
      name,
      known.length === 0 ? 'absent: this server has no presets' : `one of ${known.join(', ')}`,
    );
  }
  const values = collect([...new URLSearchParams(text)]);
  for (const forbidden of ['preset', ...REQUEST_PARAMETERS] as const) {
    if (values.has(forbidden))
      throw conflictingParameter(forbidden, `A preset may not hold the parameter "${forbidden}".`);
  }
  return values;
}

function readParameters(raw: RawValues, settings: Settings): ImageParameters {
  const maxSide = settings.values.IMAGE_MAX_OUTPUT_SIDE;
  const version = raw.get('v');
  if (version !== undefined && !/^[\w.-]{1,64}$/.test(version)) throw invalidParameter('v', version);
  const rotate = number('rotate', raw, -360, 360);
  const turned = rotate === undefined ? 0 : round(((rotate % 360) + 360) % 360);
  const optional = {
    width: whole('w', raw, 1, maxSide),
    height: whole('h', raw, 1, maxSide),
    quality: whole('q', raw, 1, 100),
    background: read('background', raw, parseColour),
    rotate: turned === 0 ? undefined : turned,
    blur: number('blur', raw, 0.3, 100),
    sharpen: number('sharpen', raw, 0.3, 10),
    trim: number('trim', raw, 0, 100),
    page: whole('page', raw, 0, 99_999),
    version,
  };
  const parameters: ImageParameters = Object.freeze({
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
    dpr: number('dpr', raw, 0.1, 5) ?? 1,
    fit: oneOf('fit', raw, FITS) ?? 'cover',
    position: read('position', raw, parsePosition) ?? 'center',
    format: oneOf('format', raw, FORMATS) ?? 'auto',
    flip: flag('flip', raw) ?? false,
    flop: flag('flop', raw) ?? false,
    animated: flag('animated', raw) ?? true,
    enlarge: flag('enlarge', raw) ?? false,
  });
  checkTogether(parameters, raw, maxSide);
  return parameters;
}

function checkTogether(parameters: ImageParameters, raw: RawValues, maxSide: number): void {
  for (const [name, side] of [
    ['w', parameters.width],
    ['h', parameters.height],
  ] as const) {
    if (side !== undefined && Math.round(side * parameters.dpr) > maxSide) {
      throw conflictingParameter(
        'dpr',
        `Parameter "dpr" times "${name}" must be at most ${maxSide} pixels, got ${parameters.dpr} × ${side}.`,
      );
    }
  }
  if (parameters.format !== 'original') return;
  const other = [...raw.keys()].find(
    (name) => !['format', 'v', 'preset', ...REQUEST_PARAMETERS].includes(name),
  );
  if (other !== undefined) {
    throw conflictingParameter(
      other,
      `Parameter "${other}" cannot be combined with format=original, which passes the source on unchanged.`,
    );
  }
}

const round = (value: number): number => Math.round(value * 100) / 100;

function read<T>(name: ParameterName, raw: RawValues, parse: (text: string) => T | undefined): T | undefined {
  const text = raw.get(name);
  if (text === undefined) return undefined;
  const value = text.length > 64 ? undefined : parse(text);
  if (value === undefined) throw invalidParameter(name, text);
  return value;
}

function oneOf<T>(name: ParameterName, raw: RawValues, values: Readonly<Record<string, T>>): T | undefined {
  return read(name, raw, (text) =>
    Object.hasOwn(values, text.toLowerCase()) ? values[text.toLowerCase()] : undefined,
  );
}

function whole(name: ParameterName, raw: RawValues, min: number, max: number): number | undefined {
  const text = raw.get(name);
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw invalidParameter(name, text, `a whole number from ${min} to ${max}`);
}

/** Decimals are rounded to hundredths: finer steps cannot be seen and would multiply keys. */
function number(name: ParameterName, raw: RawValues, min: number, max: number): number | undefined {
  return read(name, raw, (text) => {
    const value = /^-?\d{1,6}(?:\.\d{1,12})?$/.test(text) ? round(Number(text)) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  });
}

function flag(name: ParameterName, raw: RawValues): boolean | undefined {
  return read(name, raw, (text) => ({ '0': false, '1': true, false: false, true: true })[text]);
}
