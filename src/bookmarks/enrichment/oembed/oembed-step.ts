import { Injectable } from '@nestjs/common';
import type { OembedFacts } from '../../extract/oembed.js';
import type { Bookmark, PreviewCandidate } from '../../model/bookmark.js';
import type { BookmarkChange } from '../../model/bookmark-store.js';
import { newValues, usable } from '../merge/page-values.js';
import { HostLines } from '../politeness/host-lines.js';
import { replaceCandidates, sameCandidates } from '../preview/preview-candidates.js';
import { OembedReader } from './oembed-reader.js';

/** Asks for the oEmbed description that a page announces, at the right time. */
@Injectable()
export class OembedStep {
  constructor(
    private readonly reader: OembedReader,
    private readonly hosts: HostLines,
  ) {}

  /** @throws HostResting, and the codes of the guarded fetch */
  async read(
    bookmark: Pick<Bookmark, 'url'>,
    oembedUrl: string,
    options: { readonly signal: AbortSignal; readonly urgent: boolean },
  ): Promise<OembedFacts> {
    const { host } = new URL(oembedUrl);
    const { facts, finalUrl } = await this.hosts.visit(
      host,
      () => this.reader.read(oembedUrl, bookmark.url, options.signal),
      options,
    );
    const finalHost = new URL(finalUrl).host;
    if (finalHost !== host) this.hosts.noteAsked(finalHost);
    return facts;
  }
}

/** The change that a description makes: its own layer, under the page's. `null`: none. */
export function afterOembed(current: Bookmark, facts: OembedFacts): BookmarkChange | null {
  const { title, author, provider, thumbnail } = facts;
  const values = newValues(current, 'oembed', usable({ title, author, publisher: provider }, [current.url]));
  const before = current.preview.candidates;
  const found: PreviewCandidate[] = thumbnail === undefined ? [] : [{ ...thumbnail, kind: 'oembed' }];
  const candidates = replaceCandidates(before, ['oembed'], found);
  const change: BookmarkChange = {
    ...(Object.keys(values).length === 0 ? {} : { values: { source: 'oembed', fields: values } }),
    ...(sameCandidates(before, candidates) ? {} : { preview: { ...current.preview, candidates } }),
  };
  return Object.keys(change).length === 0 ? null : change;
}
