import { z } from 'zod';
import { COUNT, TIME } from './bookmark-schemas.js';

const PICTURE_SHAPE = {
  format: z.string(),
  contentType: z.string(),
  width: z.int(),
  height: z.int(),
  pages: z.int().meta({ description: 'Frames of an animation, else 1.' }),
  hasAlpha: z.boolean(),
  bytes: COUNT,
} as const;

const STORED_SHAPE = {
  ...PICTURE_SHAPE,
  orientation: z.int().meta({ description: 'As EXIF counts it, 1 to 8.' }),
  sha256: z.string(),
  storedAt: TIME,
  freshUntil: TIME.nullable().meta({ description: 'null for an upload, which never changes.' }),
} as const;

export const IMAGE_METADATA = z.object(STORED_SHAPE);
export const UPLOADED_IMAGE = z.object({ id: z.string(), url: z.string(), ...STORED_SHAPE });

const URLS = z.object({ bytes: z.string(), cdn: z.string().nullable(), signed: z.string().nullable() });

export const VARIANT = z.object({
  ...PICTURE_SHAPE,
  etag: z.string(),
  source: IMAGE_METADATA,
  urls: URLS,
});

export const PLACEHOLDER = z.object({
  thumbhash: z.string(),
  dominantColour: z.string(),
  dataUri: z.string(),
  width: z.int(),
  height: z.int(),
  aspectRatio: z.number(),
});

export const ICON = z.object({
  domain: z.string(),
  theme: z.enum(['light', 'dark']),
  from: z.string().meta({ description: 'Where the icon was found; `letter` when the site has none.' }),
  iconUrl: z.string().nullable(),
  ...PICTURE_SHAPE,
  etag: z.string(),
  urls: URLS,
});

const DETAILS = z.record(z.string(), z.looseObject({ status: z.enum(['up', 'degraded', 'down']) }));

export const HEALTH = z.object({
  status: z.enum(['ok', 'degraded', 'error', 'shutting_down']),
  info: DETAILS,
  error: DETAILS,
  details: DETAILS.meta({ description: 'Component by component, with its figures.' }),
});

export const ALIVE = z.object({ status: z.literal('ok') });

/** Figures for people; grows with the server, so that only the parts are promised. */
export const COORDINATION = z.looseObject({
  status: z.string(),
  limits: z.looseObject({}),
  memory: z.looseObject({ level: z.string(), lineBytes: z.number(), usagePercent: z.number() }),
  caches: z.looseObject({ usedBytes: z.number(), budgetBytes: z.number() }),
});

export const CACHES = z.looseObject({
  accounts: z.looseObject({ usedBytes: z.number(), budgetBytes: z.number() }),
  image: z.looseObject({}),
  server: z.looseObject({}),
  hits: z.looseObject({}),
  store: z.looseObject({}),
  search: z.looseObject({}),
});

export const FREED = z.object({ freedBytes: z.record(z.string(), z.number()) });

export const GARBAGE_COLLECTION = z.object({
  at: z.number().meta({ description: 'Epoch ms.' }),
  reason: z.string(),
  durationMs: z.number(),
  freedBytes: z.number(),
});

const LEVEL = z.enum(['normal', 'coordinate', 'degraded', 'pressure', 'critical', 'emergency']);

export const DRILL = z.object({
  level: LEVEL,
  naturalLevel: LEVEL.meta({ description: 'Where the ladder would stand without the drill.' }),
  drill: z.object({ level: LEVEL, until: z.number().nullable() }).nullable(),
});

export const HEAP_SNAPSHOT = z.object({
  file: z.object({ name: z.string().meta({ description: 'In `DATA_DIR/diagnosis`.' }), bytes: COUNT }),
});
