import { z } from 'zod';
import type { JobState } from '../jobs/index.js';

const STATES = ['waiting', 'running', 'done', 'failed', 'cancelled'] as const satisfies readonly JobState[];

/** Longest name of a kind, and longest cursor; both are ours and short. */
const MOST_CHARACTERS = 100;

const MOST_ENTRIES = 200;

const LIMIT = `must be a whole number from 1 to ${MOST_ENTRIES}`;

const SHAPE = {
  kind: z
    .string('must be given once')
    .regex(/^\w[\w.:-]*$/, 'must be the name of a kind, such as bookmarks.import')
    .max(MOST_CHARACTERS, `must have at most ${MOST_CHARACTERS} characters`)
    .optional(),
  state: z.enum(STATES, `must be one of ${STATES.join(', ')}`).optional(),
  limit: z
    .string(LIMIT)
    .regex(/^[1-9]\d{0,2}$/, LIMIT)
    .transform(Number)
    .refine((limit) => limit <= MOST_ENTRIES, LIMIT)
    .default(50),
  cursor: z
    .string('must be given once')
    .max(MOST_CHARACTERS, 'must be the nextCursor of an earlier page')
    .optional(),
} as const;

/** Query of `GET /api/operations`. */
export const OPERATIONS_QUERY = z.strictObject(SHAPE, {
  error: `There is no such parameter here; there are ${Object.keys(SHAPE).join(', ')}`,
});

export type OperationsQuery = z.infer<typeof OPERATIONS_QUERY>;
