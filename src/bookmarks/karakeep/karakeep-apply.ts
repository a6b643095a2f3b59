import type { Bookmark } from '../model/bookmark.js';
import type { BookmarkChange } from '../model/bookmark-store.js';
import { replaceCandidates, sameCandidates } from '../enrichment/preview/preview-candidates.js';
import { distinctTags } from '../normalise/tag-name.js';
import type { KarakeepDraft } from './karakeep-draft.js';

/**
 * What a bookmark that is known already takes over from Karakeep. Its own layer is replaced by values, never by their
 * absence; tags are united; archived and favourite follow only an edit over there that is newer than every change
 * here, so that nobody's choice is turned back by an old one.
 */
export function changeFrom(draft: KarakeepDraft, current: Bookmark): BookmarkChange {
  const isNewer = draft.editedAt !== undefined && draft.editedAt > current.modifiedAt;
  const candidates = replaceCandidates(
    current.preview.candidates,
    ['karakeep'],
    draft.candidates.filter(({ kind }) => kind === 'karakeep' || current.preview.candidates.length === 0),
  );
  return {
    externalId: draft.externalId,
    values: { source: 'karakeep', fields: draft.values },
    tags: distinctTags([...current.tags, ...draft.tags]),
    ...(current.note === null && draft.note !== undefined ? { note: draft.note } : {}),
    ...(isNewer ? { archived: draft.archived, favourite: draft.favourite } : {}),
    ...(sameCandidates(candidates, current.preview.candidates)
      ? {}
      : { preview: { ...current.preview, candidates } }),
  };
}

/** Whether a person has put something of their own into it: such a bookmark outlives its original. */
export function isOwned(bookmark: Bookmark): boolean {
  return Object.values(bookmark.fields).some((layers) => layers?.user !== undefined);
}
