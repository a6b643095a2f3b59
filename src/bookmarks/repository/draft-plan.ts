import type { Bookmark } from '../model/bookmark.js';
import type { BookmarkDraft, DuplicateRule, InsertOutcome } from '../model/bookmark-store.js';
import { fromDraft, mergeDraft } from './draft-rules.js';
import { storable, urlKey } from './keys.js';

/** Bookmarks that the drafts may meet. */
export interface KnownBookmarks {
  readonly byUrlKey: ReadonlyMap<string, Bookmark>;
  /** Ids at a source that are taken, with the key of the URL of who has them. */
  readonly externalIds: ReadonlyMap<string, string>;
}

export interface DraftPlan {
  readonly created: readonly Bookmark[];
  readonly changed: readonly Bookmark[];
  /** One for each draft, in their order: what became of it, and the key under which its bookmark is found. */
  readonly steps: readonly { readonly outcome: InsertOutcome['outcome']; readonly id: string }[];
  /** Every bookmark of a step, as it is before it is written. */
  readonly bookmarks: ReadonlyMap<string, Bookmark>;
}

/** Decides what becomes of each draft; writes nothing. */
export function planDrafts(
  drafts: readonly BookmarkDraft[],
  rule: DuplicateRule,
  known: KnownBookmarks,
  newId: () => string,
  now: number,
): DraftPlan {
  const byKey = new Map<string, Bookmark>();
  const created = new Set<string>();
  const changed = new Set<string>();
  const externalIds = new Map(known.externalIds);
  const steps = drafts.map((given): DraftPlan['steps'][number] => {
    const key = urlKey(storable(given.normalisedUrl));
    const draft = withFreeExternalId(given, key, externalIds);
    const current = byKey.get(key) ?? known.byUrlKey.get(key);
    if (current === undefined) {
      const bookmark = fromDraft(draft, newId(), now);
      byKey.set(key, bookmark);
      created.add(key);
      return { outcome: 'created', id: bookmark.id };
    }
    const next = rule === 'merge' ? mergeDraft(current, draft) : current;
    byKey.set(key, next);
    if (next === current) return { outcome: 'existing', id: next.id };
    if (!created.has(key)) changed.add(key);
    return { outcome: 'merged', id: next.id };
  });
  const pick = (keys: ReadonlySet<string>): Bookmark[] => [...keys].map((key) => byKey.get(key) as Bookmark);
  return {
    created: pick(created),
    changed: pick(changed),
    steps,
    bookmarks: new Map([...byKey.values()].map((bookmark) => [bookmark.id, bookmark])),
  };
}

/** An id at a source stays with the bookmark that has it: one draft must not make a whole chunk fail. */
function withFreeExternalId(draft: BookmarkDraft, key: string, taken: Map<string, string>): BookmarkDraft {
  const { externalId, ...rest } = draft;
  if (externalId === undefined) return draft;
  const owner = taken.get(externalId);
  if (owner !== undefined && owner !== key) return rest;
  taken.set(externalId, key);
  return draft;
}
