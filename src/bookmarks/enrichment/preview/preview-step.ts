import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../../../images/index.js';
import type { Bookmark, PreviewCandidate } from '../../model/bookmark.js';
import { failureOf } from '../failure.js';
import { HostLines } from '../politeness/host-lines.js';
import { HostResting } from '../politeness/host-resting.js';
import { AssetPictures } from './asset-pictures.js';
import { PictureCheck } from './picture-check.js';

/** What the small variant is made as; the format is asked for by name. */
const ACCEPT = 'image/webp';

/** Looks at one candidate after the other. */
@Injectable()
export class PreviewStep {
  constructor(
    private readonly check: PictureCheck,
    private readonly assets: AssetPictures,
    private readonly hosts: HostLines,
  ) {}

  /**
   * Whether the candidate is a preview; not when it does not decode, shows nothing, is too small, is gone, or its
   * host is not well.
   *
   * @throws HostResting; what this server cannot do now (pressure, a full queue); AbortedError
   */
  async judge(
    candidate: PreviewCandidate,
    options: { readonly signal: AbortSignal; readonly urgent: boolean },
  ): Promise<boolean> {
    try {
      return candidate.kind === 'karakeep'
        ? await this.judgeAsset(candidate, options.signal)
        : await this.judgePicture(candidate, options);
    } catch (error) {
      // A host that is broken has no picture for us; one that is only busy is asked later.
      if (error instanceof HostResting && error.reason === 'broken') return false;
      if (error instanceof HostResting) throw error;
      const { kind } = failureOf(error);
      if (kind === 'aborted' || kind === 'deferred') throw error;
      return false;
    }
  }

  private judgePicture(
    candidate: PreviewCandidate,
    options: { readonly signal: AbortSignal; readonly urgent: boolean },
  ): Promise<boolean> {
    return this.hosts.visit(
      new URL(candidate.url).host,
      async (visit) => {
        const { verdict, asked } = await this.check.look(candidate, contextOf(options.signal));
        if (!asked) visit.notAsked();
        return verdict === 'good';
      },
      options,
    );
  }

  /** A server of one's own is no stranger: no pause, no breaker. */
  private async judgeAsset(candidate: PreviewCandidate, signal: AbortSignal): Promise<boolean> {
    if (!this.assets.available) return false;
    const { verdict } = await this.check.look(candidate, contextOf(signal));
    return verdict === 'good';
  }
}

const contextOf = (signal: AbortSignal): RequestContext => ({
  accept: ACCEPT,
  clientId: null,
  class: 'background',
  signal,
});

/** Whether there is anything to look for: a candidate, and no choice that still stands. */
export function needsLook({ candidates, chosen }: Bookmark['preview']): boolean {
  if (candidates.length === 0) return false;
  if (chosen === null) return true;
  if (candidates[0]?.kind === 'user' && chosen.kind !== 'user') return true;
  return !candidates.some(({ url }) => url === chosen.url);
}
