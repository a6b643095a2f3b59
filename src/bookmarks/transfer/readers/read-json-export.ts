import type { ByteChunks, ImportItem, ReadContext, SkipReason } from './import-entry.js';
import { flagOf, namesOf, objectOf, textOf, timeOf, type JsonObject } from './json-values.js';
import { makeItem, makeProblem, type RawEntry } from './make-item.js';
import { readJsonObjects, type JsonElement } from './read-json-objects.js';
import { readTime } from './read-time.js';

/** Largest object (chosen: parsing one takes under 20 ms; what exporters write of a bookmark is far smaller). */
export const MAX_OBJECT_BYTES = 2 * 1024 ** 2;
const MAX_LISTS = 10_000;
const MAX_LIST_LEVELS = 32;

type ReadObject = (value: JsonObject, context: ReadContext) => RawEntry;

const REASONS: Readonly<Record<Exclude<JsonElement['kind'], 'object'>, SkipReason>> = {
  other: 'not-an-entry',
  damaged: 'damaged',
  'too-long': 'too-long',
  truncated: 'truncated',
};

/** Karakeep's export (`bookmarks`, `lists`), and pages of its API. */
export const readKarakeep = (chunks: ByteChunks, context: ReadContext): AsyncGenerator<ImportItem> =>
  readExport(chunks, context, karakeepEntry, ['lists', 'highlights', 'tags']);

/** Answers of linkding's API: pages with `results`, or the array itself. */
export const readLinkding = (chunks: ByteChunks, context: ReadContext): AsyncGenerator<ImportItem> =>
  readExport(chunks, context, linkdingEntry, []);

async function* readExport(
  chunks: ByteChunks,
  context: ReadContext,
  read: ReadObject,
  otherMembers: readonly string[],
): AsyncGenerator<ImportItem> {
  let ordinal = 0;
  for await (const element of readJsonObjects(chunks, MAX_OBJECT_BYTES)) {
    if (element.member !== null && otherMembers.includes(element.member) && element.kind !== 'truncated')
      continue;
    ordinal += 1;
    yield element.kind === 'object'
      ? makeItem(ordinal, read(element.value, context))
      : makeProblem(ordinal, REASONS[element.kind]);
  }
}

function karakeepEntry(value: JsonObject, { now, lists }: ReadContext): RawEntry {
  const content = objectOf(value['content']);
  const listPath = namesOf(value['lists']).flatMap((id) => lists?.get(id) ?? []);
  return {
    url: textOf(content?.['url']) ?? textOf(content?.['sourceUrl']) ?? textOf(value['url']),
    title: textOf(value['title']) ?? textOf(content?.['title']),
    description: textOf(content?.['description']),
    note: textOf(value['note']),
    tags: namesOf(value['tags']),
    createdAt: readTime(timeOf(value['createdAt']), now),
    archived: flagOf(value['archived']),
    favourite: flagOf(value['favourited']),
    folderPath: listPath.length === 0 ? undefined : [...new Set(listPath)],
  };
}

function linkdingEntry(value: JsonObject, { now }: ReadContext): RawEntry {
  return {
    url: textOf(value['url']),
    title: textOf(value['title']) ?? textOf(value['website_title']),
    description: textOf(value['description']) ?? textOf(value['website_description']),
    note: textOf(value['notes']) ?? textOf(value['note']),
    tags: [
      ...namesOf(value['tag_names']),
      ...namesOf(value['tags']),
      ...(flagOf(value['unread']) === true ? ['toread'] : []),
    ],
    createdAt: readTime(timeOf(value['date_added']) ?? timeOf(value['created_at']), now),
    archived: flagOf(value['is_archived']),
  };
}

/** Names of Karakeep's manual lists from the outside in, by id: a pass of its own, as they stand at the file's end. */
export async function collectKarakeepLists(
  chunks: ByteChunks,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const byId = new Map<string, { name: string; parentId: string | undefined }>();
  for await (const element of readJsonObjects(chunks, MAX_OBJECT_BYTES)) {
    if (element.kind !== 'object' || element.member !== 'lists' || byId.size >= MAX_LISTS) continue;
    const id = textOf(element.value['id']);
    const name = textOf(element.value['name'])?.slice(0, 200);
    if (id === undefined || name === undefined) continue;
    byId.set(Buffer.from(id.slice(0, 100)).toString(), {
      name: Buffer.from(name).toString(),
      parentId: textOf(element.value['parentId']),
    });
  }
  const pathOf = (id: string): string[] => {
    const path: string[] = [];
    let next: string | undefined = id;
    while (next !== undefined && path.length < MAX_LIST_LEVELS) {
      const list = byId.get(next);
      if (list === undefined) break;
      path.unshift(list.name);
      next = list.parentId;
    }
    return path;
  };
  return new Map([...byId.keys()].map((id) => [id, pathOf(id)]));
}
