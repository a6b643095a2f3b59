import { isPlimsollError } from '../../../errors/index.js';
import { LIMITS } from '../../model/bookmark.js';
import type { BookmarkDraft } from '../../model/bookmark-store.js';
import { normaliseBookmarkUrl } from '../../normalise/normalise-bookmark-url.js';
import { distinctTags } from '../../normalise/tag-name.js';
import type { ImportEntry, ImportProblem } from '../readers/import-entry.js';
import { cutText, makeProblem } from '../readers/make-item.js';
import type { ImportOptions } from './import-options.js';

/** The draft of an entry, or why its URL cannot be kept. Every import, dry or not, goes through here. */
export function draftOf(
  entry: ImportEntry,
  options: Pick<ImportOptions, 'folders' | 'tags'>,
): BookmarkDraft | ImportProblem {
  let url;
  try {
    url = normaliseBookmarkUrl(entry.url);
  } catch (error) {
    if (!isPlimsollError(error, 'invalid-bookmark-url')) throw error;
    return makeProblem(entry.ordinal, 'invalid-url', entry);
  }
  const { title, description, note, archived, favourite, createdAt, own } = entry;
  return {
    url: url.url,
    normalisedUrl: url.normalisedUrl,
    host: url.host,
    source: 'import',
    values: {
      ...(title === undefined ? {} : { title }),
      ...(description === undefined ? {} : { description }),
    },
    tags: tagsOf(entry, options),
    ...(note === undefined ? {} : { note }),
    ...(archived === undefined ? {} : { archived }),
    ...(favourite === undefined ? {} : { favourite }),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...own,
  };
}

export const isProblem = (found: BookmarkDraft | ImportProblem): found is ImportProblem =>
  'kind' in found && found.kind === 'problem';

function tagsOf(
  { tags, folderPath = [] }: ImportEntry,
  options: Pick<ImportOptions, 'folders' | 'tags'>,
): readonly string[] {
  // a comma would part the tag on its way out and in again
  const ofFolders =
    options.folders === 'ignore'
      ? []
      : folderPath.map((name) => cutText(name.replaceAll(',', ' '), LIMITS.tag));
  if (ofFolders.length === 0 && options.tags.length === 0) return tags;
  return distinctTags([...tags, ...ofFolders, ...options.tags]).slice(0, LIMITS.tags);
}
