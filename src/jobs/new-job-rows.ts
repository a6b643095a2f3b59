import { randomBytes } from 'node:crypto';
import type { Insertable } from 'kysely';
import { v7 } from 'uuid';
import type { Clock } from '../clock/index.js';
import type { JobsTable } from '../database/index.js';
import { boundedJson, MAX_PAYLOAD_BYTES } from './job-json.js';
import type { NewJob } from './job.js';

const DEFAULT_PRIORITY = 100;
const DEFAULT_MAX_ATTEMPTS = 5;

const MAX_SEQUENCE = 2 ** 31;

/** Makes the rows of jobs that are asked for. @internal */
export class NewJobRows {
  private sequence = 0;

  constructor(private readonly clock: Clock) {}

  /** @throws RangeError when the payload is too large */
  of(job: NewJob): Insertable<JobsTable> & { readonly dedupe_key: string | null } {
    const now = this.clock.now();
    return {
      id: this.nextId(now),
      kind: job.kind,
      payload: boundedJson(job.payload, MAX_PAYLOAD_BYTES, 'The payload of a job'),
      dedupe_key: job.dedupeKey ?? null,
      state: 'waiting',
      priority: job.priority ?? DEFAULT_PRIORITY,
      attempts: 0,
      max_attempts: job.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
      run_at: job.runAt ?? now,
      lease_owner: null,
      lease_until: null,
      progress: null,
      result: null,
      error_code: null,
      error_message: null,
      created_at: now,
      updated_at: now,
      finished_at: null,
    };
  }

  /** UUID version 7 that sorts in the order of this process, also within a millisecond. */
  private nextId(now: number): string {
    this.sequence = (this.sequence + 1) % MAX_SEQUENCE;
    return v7({ msecs: now, seq: this.sequence, random: randomBytes(16) });
  }
}
