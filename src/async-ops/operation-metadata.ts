import { redactUrl } from '../errors/index.js';
import type { OperationMetadata } from './operation.js';

/** Longest text that is kept of one value, and most values (chosen: a line of a list for people). */
const MAX_TEXT = 200;
const MAX_VALUES = 16;

const NOTHING: Readonly<Record<string, string | number | boolean>> = Object.freeze({});

/** What a list may show: URLs redacted, texts short and copied (a piece of a page would pin the page). @internal */
export function presentMetadata(
  metadata: OperationMetadata | undefined,
): Readonly<Record<string, string | number | boolean>> {
  if (metadata === undefined) return NOTHING;
  const shown: Record<string, string | number | boolean> = {};
  let count = 0;
  for (const name in metadata) {
    const value = metadata[name];
    if (value === undefined) continue;
    if ((count += 1) > MAX_VALUES) break;
    shown[name] = typeof value === 'string' ? presentText(value) : value;
  }
  return shown;
}

/** One text as above; for error codes and names too. @internal */
export function presentText(text: string): string {
  const bare = text.includes('//') || text.includes('?') ? redactUrl(text) : text;
  return bare.length <= MAX_TEXT ? bare : copyOf(`${bare.slice(0, MAX_TEXT - 1)}…`);
}

const copyOf = (text: string): string => Buffer.from(text, 'utf16le').toString('utf16le');
