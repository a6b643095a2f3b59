import type { ByteChunks, ImportItem, ReadContext } from './import-entry.js';
import { flagOf, namesOf, objectOf, textOf, timeOf, type JsonObject } from './json-values.js';
import { makeItem, makeProblem } from './make-item.js';
import { readOwnState } from './own-state.js';
import { readTime } from './read-time.js';
import { splitLines } from './split-lines.js';

/** Every field of every source at its limit fits. */
const MAX_LINE_BYTES = 2 * 1024 ** 2;

/** First line of our own export; says what the other lines are. */
export const JSON_LINES_MARK = 'plimsoll';

/** Our own export, one bookmark a line; other programs may write it with no more than a `url` in each. */
export async function* readJsonLines(chunks: ByteChunks, context: ReadContext): AsyncGenerator<ImportItem> {
  let ordinal = 0;
  for await (const { number, text } of splitLines(chunks, MAX_LINE_BYTES)) {
    const line = text?.trim();
    if (line === '') continue;
    const value = line === undefined ? undefined : parse(line);
    if (value !== undefined && JSON_LINES_MARK in value && !('url' in value)) continue;
    ordinal += 1;
    if (line === undefined) yield makeProblem(ordinal, 'too-long', { line: number });
    else if (value === undefined) yield makeProblem(ordinal, 'damaged', { line: number });
    else yield readLine(value, ordinal, number, context.now);
  }
}

function parse(line: string): JsonObject | undefined {
  try {
    return objectOf(JSON.parse(line));
  } catch {
    return undefined;
  }
}

function readLine(value: JsonObject, ordinal: number, line: number, now: number): ImportItem {
  return makeItem(ordinal, {
    line,
    url: textOf(value['url']),
    title: textOf(value['title']),
    description: textOf(value['description']),
    note: textOf(value['note']),
    tags: namesOf(value['tags']),
    createdAt: readTime(timeOf(value['createdAt']), now),
    archived: flagOf(value['archived']),
    favourite: flagOf(value['favourite']),
    own: readOwnState(value),
  });
}
