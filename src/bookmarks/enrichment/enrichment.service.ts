import { Inject, Injectable } from '@nestjs/common';
import { isPlimsollError, PlimsollError } from '../../errors/index.js';
import { ImageMemoryManager, isAtLeast } from '../../image-memory/index.js';
import { JobGivenUp, JobPostponed, type JobRun } from '../../jobs/index.js';
import { parseUrl } from '../../url/index.js';
import { BOOKMARK_STORE, type BookmarkChange, type BookmarkStore } from '../model/bookmark-store.js';
import type { Bookmark, PreviewCandidate } from '../model/bookmark.js';
import { fromProgress, toProgress, type EnrichPayload, type EnrichStep } from './enrichment-job.js';
import { failureOf, type Failure } from './failure.js';
import { afterOembed, OembedStep } from './oembed/oembed-step.js';
import { afterFailure, afterReading } from './page/page-outcome.js';
import { EnrichmentTerms } from './page/enrichment-terms.js';
import { PageStep } from './page/page-step.js';
import { HostResting } from './politeness/host-resting.js';
import { sameCandidates } from './preview/preview-candidates.js';
import { needsLook, PreviewStep } from './preview/preview-step.js';

/** What became of one enrichment; the result of its job. */
export interface EnrichmentResult {
  /**
   * `done`: read; `missing`: the link leads nowhere; `walled`: something answers that hides the page; `skipped`: not
   * to be fetched from here; `deleted`: the bookmark is gone.
   */
  readonly outcome: 'done' | 'missing' | 'walled' | 'skipped' | 'deleted';
  /** Problem code, where there is one. */
  readonly error?: string;
}

/** What an enrichment is run with: a job, or whoever stands in for one. */
export type EnrichmentRun = Pick<JobRun<EnrichPayload>, 'payload' | 'progress' | 'signal' | 'saveProgress'>;

/** One enrichment under way. `bookmark` is the row as it was last seen. */
interface Course {
  bookmark: Bookmark;
  /** The URL that everything here is about. */
  readonly url: string;
  readonly force: boolean;
  readonly run: EnrichmentRun;
}

/** The bookmark was given another URL meanwhile. */
class UrlChanged extends Error {}

/** Comes again after this at least, ms, when this server could not look. */
const DEFERRED_MS = 10_000;

/** After a failure, ms: half a minute, then four times as long each time; five attempts span some 45 minutes (chosen). */
const FIRST_RETRY_MS = 30_000;
const RETRY_FACTOR = 4;
const LONGEST_RETRY_MS = 6 * 3_600_000;

/** A host that asks for patience without saying how long. */
const THROTTLED_MS = 60_000;

/**
 * Takes a bookmark id and brings its page facts: the page, the oEmbed description that it announces, a preview.
 * A value is replaced by a value only; a person's own are another layer, which nothing here touches. Where a host
 * rests or memory is short the job is put off at the step that it has reached and holds nothing meanwhile.
 */
@Injectable()
export class EnrichmentService {
  constructor(
    @Inject(BOOKMARK_STORE) private readonly store: BookmarkStore,
    private readonly imageMemory: ImageMemoryManager,
    private readonly terms: EnrichmentTerms,
    private readonly pages: PageStep,
    private readonly oembed: OembedStep,
    private readonly previews: PreviewStep,
  ) {}

  /**
   * @throws JobPostponed (a host rests, memory is short, the URL changed: not a failure), JobGivenUp after
   *   ENRICHMENT_MAX_ATTEMPTS failures in a row; PlimsollError when it may be tried again; AbortedError
   */
  async enrich(run: EnrichmentRun): Promise<EnrichmentResult> {
    const bookmark = await this.store.find(run.payload.bookmarkId);
    if (bookmark === null) return { outcome: 'deleted' };
    const course: Course = { bookmark, url: bookmark.url, force: run.payload.force === true, run };
    let step: EnrichStep | EnrichmentResult = fromProgress(run.progress, bookmark.url);
    try {
      while ('step' in step) step = await this.take(step, course);
      return step;
    } catch (error) {
      if (isPlimsollError(error, 'bookmark-not-found')) return { outcome: 'deleted' };
      if (error instanceof UrlChanged)
        throw new JobPostponed(this.terms.current().now, 'The URL has changed.');
      throw error;
    }
  }

  /** One step; a step that cannot be taken now is kept with the job. */
  private async take(step: EnrichStep, course: Course): Promise<EnrichStep | EnrichmentResult> {
    try {
      this.refuseWhileMemoryIsShort();
      return await this.takeNow(step, course);
    } catch (error) {
      const retryAt = error instanceof HostResting ? error.retryAt : this.deferredUntil(error);
      if (retryAt === null) throw error;
      await course.run.saveProgress(toProgress(step, course.url));
      throw new JobPostponed(retryAt, error instanceof Error ? error.message : 'Not now.');
    }
  }

  private takeNow(step: EnrichStep, course: Course): Promise<EnrichStep | EnrichmentResult> {
    switch (step.step) {
      case 'page':
        return this.takePage(course);
      case 'oembed':
        return this.takeOembed(step, course);
      case 'preview':
        return this.takePreview(step, course);
    }
  }

  private async takePage(course: Course): Promise<EnrichStep | EnrichmentResult> {
    const before = course.bookmark.preview.candidates;
    try {
      const reading = await this.pages.read(course.bookmark, this.visitOptions(course));
      const terms = this.terms.current();
      await this.write(course, (current) => afterReading(current, reading, terms));
      if (reading.kind === 'page' && reading.facts.wall !== undefined) return this.behindWall(course);
      const look = !sameCandidates(before, course.bookmark.preview.candidates);
      const oembedUrl = reading.kind === 'page' ? reading.facts.oembedUrl : undefined;
      if (oembedUrl !== undefined && parseUrl(oembedUrl) !== undefined)
        return { step: 'oembed', oembedUrl, look };
      return this.lookOrEnd(course, look);
    } catch (error) {
      return this.fail(course, error);
    }
  }

  private async takeOembed(
    { oembedUrl, look }: Extract<EnrichStep, { step: 'oembed' }>,
    course: Course,
  ): Promise<EnrichStep | EnrichmentResult> {
    const before = course.bookmark.preview.candidates;
    try {
      const facts = await this.oembed.read(course.bookmark, oembedUrl, this.visitOptions(course));
      await this.write(course, (current) => afterOembed(current, facts));
    } catch (error) {
      // A description that cannot be had changes nothing about the page, which has been read.
      if (error instanceof UrlChanged || isPlimsollError(error, 'bookmark-not-found')) throw error;
      if (error instanceof HostResting) {
        if (error.reason !== 'broken') throw error;
      } else if (isOurs(failureOf(error))) throw error;
    }
    return this.lookOrEnd(course, look || !sameCandidates(before, course.bookmark.preview.candidates));
  }

  private async takePreview(
    { next }: Extract<EnrichStep, { step: 'preview' }>,
    course: Course,
  ): Promise<EnrichStep | EnrichmentResult> {
    const { candidates } = course.bookmark.preview;
    const chosen = candidates[next];
    // None is a preview: what was chosen before stays, else the card stands in.
    if (chosen === undefined) return { outcome: 'done' };
    if (!(await this.previews.judge(chosen, this.visitOptions(course)))) {
      return { step: 'preview', next: next + 1 };
    }
    let changedMeanwhile = false;
    await this.write(course, (current) => {
      changedMeanwhile = !sameCandidates(candidates, current.preview.candidates);
      if (changedMeanwhile || isSameChoice(current.preview.chosen, chosen)) return null;
      return { preview: { ...current.preview, chosen } };
    });
    // Someone named another picture while this one was looked at.
    return changedMeanwhile ? { step: 'preview', next: 0 } : { outcome: 'done' };
  }

  private lookOrEnd({ bookmark, force }: Course, look: boolean): EnrichStep | EnrichmentResult {
    const wanted = needsLook(bookmark.preview) || ((look || force) && bookmark.preview.candidates.length > 0);
    return wanted ? { step: 'preview', next: 0 } : { outcome: 'done' };
  }

  /** Writes what a failure means, unless it means nothing about the page, and says how the job goes on. */
  private async fail(course: Course, error: unknown): Promise<EnrichmentResult> {
    if (
      error instanceof HostResting ||
      error instanceof UrlChanged ||
      isPlimsollError(error, 'bookmark-not-found')
    ) {
      throw error;
    }
    const failure = failureOf(error);
    if (isOurs(failure)) throw error;
    const terms = this.terms.current();
    await this.write(course, (current) => afterFailure(current, failure, terms));
    const { code } = failure;
    if (failure.kind === 'forbidden') return { outcome: 'skipped', error: code };
    if (failure.kind === 'missing') return { outcome: 'missing', error: code };
    if (failure.kind === 'walled') return this.behindWall(course);
    throwIfGivenUp(course.bookmark);
    if (failure.kind === 'throttled') {
      const waitMs = failure.retryAfterMs ?? THROTTLED_MS;
      throw new JobPostponed(terms.now + waitMs, 'The host asks for patience.');
    }
    throw retryLater(failure, error, course.bookmark.enrichment.attempts, terms.random);
  }

  /** Asking again at once would not open it: the next look is a matter of days. */
  private behindWall({ bookmark }: Course): EnrichmentResult {
    throwIfGivenUp(bookmark);
    return { outcome: 'walled', error: bookmark.enrichment.error ?? 'origin-refused' };
  }

  /** Changes the row, unless it has another URL by now. */
  private async write(course: Course, change: (current: Bookmark) => BookmarkChange | null): Promise<void> {
    let moved = false;
    course.bookmark = await this.store.update(course.bookmark.id, (current) => {
      moved = current.url !== course.url;
      return moved ? null : change(current);
    });
    if (moved) throw new UrlChanged();
  }

  private refuseWhileMemoryIsShort(): void {
    const mayStart = this.imageMemory.shouldAllowImageOperations();
    if (!mayStart || isAtLeast(this.imageMemory.level(), 'coordinate')) throw this.imageMemory.refusal();
  }

  /** Epoch ms; `null` when the error is no shortage of ours. */
  private deferredUntil(error: unknown): number | null {
    const { kind, retryAfterMs } = failureOf(error);
    if (kind !== 'deferred') return null;
    const { now, random } = this.terms.current();
    return Math.ceil(now + Math.max(DEFERRED_MS, retryAfterMs ?? 0) * (1 + random));
  }

  private visitOptions({ run, force }: Course): { readonly signal: AbortSignal; readonly urgent: boolean } {
    return { signal: run.signal, urgent: force };
  }
}

function throwIfGivenUp({ enrichment }: Bookmark): void {
  if (enrichment.state !== 'given-up') return;
  throw new JobGivenUp(
    enrichment.error ?? 'internal-error',
    `Given up after ${enrichment.attempts} failures in a row; ask for a refresh to try again.`,
  );
}

/** The failure as the queue reads it: not again before this, with jitter. */
function retryLater({ code }: Failure, cause: unknown, attempts: number, random: number): PlimsollError {
  const waitMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * RETRY_FACTOR ** (attempts - 1));
  const message = isPlimsollError(cause) ? cause.message : 'A fault of the server; its log says more.';
  return new PlimsollError(code, message, {
    cause,
    retryAfterSeconds: Math.ceil((waitMs * (1 + random / 2)) / 1_000),
  });
}

/** Nothing was learnt about the page: stopped, or a shortage of this server. */
const isOurs = ({ kind }: Failure): boolean => kind === 'aborted' || kind === 'deferred';

const isSameChoice = (a: PreviewCandidate | null, b: PreviewCandidate): boolean =>
  a !== null && a.url === b.url && a.kind === b.kind;
