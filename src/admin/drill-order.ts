import { z } from 'zod';
import { LEVELS } from '../image-memory/index.js';

const LONGEST_SECONDS = 3_600;

const SECONDS = `must be a whole number from 1 to ${LONGEST_SECONDS}`;

/** Body of `POST /api/admin/drills`. `normal` ends a drill and needs no duration. */
export const DRILL_ORDER = z
  .strictObject({
    level: z.enum(LEVELS, `must be one of ${LEVELS.join(', ')}`),
    seconds: z.int(SECONDS).min(1, SECONDS).max(LONGEST_SECONDS, SECONDS).optional(),
  })
  .refine(({ level, seconds }) => level === 'normal' || seconds !== undefined, {
    path: ['seconds'],
    message: SECONDS,
  });

export type DrillOrder = z.infer<typeof DRILL_ORDER>;
