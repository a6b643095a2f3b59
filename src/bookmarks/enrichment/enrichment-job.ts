import type { Settings } from '../../config/index.js';
import type { JobProgress, NewJob } from '../../jobs/index.js';
import type { Bookmark } from '../model/bookmark.js';

/** The kind of job that brings what a page says about itself to its bookmark. */
export const ENRICH_KIND = 'enrich';

export interface EnrichPayload {
  readonly bookmarkId: string;
  /** A person asked: goes first at its host, and pictures are looked at again. */
  readonly force?: boolean;
}

/** Smaller runs first: who waits for an answer, then what is new, then what is looked up again. */
export const ENRICH_PRIORITY = { person: 10, created: 100, refresh: 300 } as const;

/**
 * The queue's own limit lies above ours: it counts crashes and faults of this server too, and what gives a page up
 * is the count in the bookmark.
 */
const SPARE_ATTEMPTS = 3;

/** One job per bookmark at a time. */
export const enrichKey = (bookmarkId: string): string => `enrich:${bookmarkId}`;

/**
 * The job that enriches a bookmark; for whoever creates one or changes its URL to enqueue, within the same
 * transaction. `null` when nothing is fetched by itself here (ENRICHMENT=off, READ_ONLY).
 */
export function enrichmentJobFor(
  bookmark: Pick<Bookmark, 'id'>,
  settings: Settings,
  options: { readonly priority?: number; readonly runAt?: number } = {},
): NewJob | null {
  if (!settings.values.ENRICHMENT || settings.values.READ_ONLY) return null;
  return newEnrichJob({ bookmarkId: bookmark.id }, settings, options);
}

/** The same, whatever ENRICHMENT says: for people who ask. */
export function newEnrichJob(
  payload: EnrichPayload,
  settings: Settings,
  options: { readonly priority?: number; readonly runAt?: number } = {},
): NewJob {
  return {
    kind: ENRICH_KIND,
    payload,
    dedupeKey: enrichKey(payload.bookmarkId),
    priority: options.priority ?? ENRICH_PRIORITY.created,
    maxAttempts: settings.values.ENRICHMENT_MAX_ATTEMPTS + SPARE_ATTEMPTS,
    ...(options.runAt === undefined ? {} : { runAt: options.runAt }),
  };
}

/** What is left to do of one enrichment; kept with the job, so that a host that rests holds no slot. */
export type EnrichStep =
  | { readonly step: 'page' }
  /** `look`: its pictures are to be looked at afterwards. */
  | { readonly step: 'oembed'; readonly oembedUrl: string; readonly look: boolean }
  /** `next`: index of the candidate to look at. */
  | { readonly step: 'preview'; readonly next: number };

const STEPS = { page: 0, oembed: 1, preview: 2 } as const;

/** As progress of a job. `url` is the one that was read: after a change of URL everything starts anew. */
export function toProgress(step: EnrichStep, url: string): JobProgress {
  return { done: STEPS[step.step], total: Object.keys(STEPS).length, checkpoint: { ...step, url } };
}

/** The step to go on with; from the start when the progress is another URL's or cannot be read. */
export function fromProgress(progress: JobProgress | null, url: string): EnrichStep {
  const kept = progress?.checkpoint as
    Partial<Record<'step' | 'url' | 'oembedUrl' | 'look' | 'next', unknown>> | null | undefined;
  if (typeof kept !== 'object' || kept === null || kept.url !== url) return { step: 'page' };
  if (kept.step === 'oembed' && typeof kept.oembedUrl === 'string')
    return { step: 'oembed', oembedUrl: kept.oembedUrl, look: kept.look === true };
  if (kept.step === 'preview' && Number.isInteger(kept.next)) {
    return { step: 'preview', next: kept.next as number };
  }
  return { step: 'page' };
}
