import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ByteChunks, ImportEntry, ImportFormat, ImportItem, ImportProblem } from './import-entry.js';
import { collectKarakeepLists } from './read-json-export.js';
import { peekHead, readImport, recogniseImport } from './read-import.js';

const FOLDER = fileURLToPath(new URL('../../../../test/support/bookmark-files/', import.meta.url));

/** 2026-01-01: times after it are not believed. */
export const NOW = Date.UTC(2026, 0, 1);

/** Their names end in `.sample`, so that no formatter mends what is meant to be broken. */
export const sample = (name: string): Buffer => readFileSync(`${FOLDER}${name}.sample`);

/** The bytes in pieces, each in a buffer that is overwritten when the next one comes: as a file is read. */
export async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  const shared = Buffer.alloc(size);
  for (let from = 0; from < bytes.length; from += size) {
    const length = bytes.copy(shared, 0, from, from + size);
    await Promise.resolve();
    yield shared.subarray(0, length);
    shared.fill(0x21);
  }
}

export async function gather<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export interface ReadOptions {
  readonly size?: number;
  readonly format?: ImportFormat;
  readonly fileName?: string;
}

/** Recognises and reads, as an import does. */
export async function read(bytes: Buffer | string, options: ReadOptions = {}): Promise<ImportItem[]> {
  const { size = 64 * 1024, format, fileName } = options;
  const whole = Buffer.from(bytes);
  const again = (): ByteChunks => inPieces(whole, size);
  const { head, chunks } = await peekHead(again());
  const kind = recogniseImport(head, { fileName }, format);
  const lists = kind.format === 'karakeep' ? await collectKarakeepLists(again()) : undefined;
  return gather(readImport(chunks, kind, { now: NOW, ...(lists === undefined ? {} : { lists }) }));
}

export const entriesOf = (items: readonly ImportItem[]): ImportEntry[] =>
  items.filter((item) => item.kind === 'entry');

export const problemsOf = (items: readonly ImportItem[]): ImportProblem[] =>
  items.filter((item) => item.kind === 'problem');
