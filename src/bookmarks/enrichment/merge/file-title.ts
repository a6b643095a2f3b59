import { cleanValue } from './clean-value.js';

/** The name of the file that a URL leads to, as a title of last resort; `undefined` when its path names none. */
export function fileTitle(url: string): string | undefined {
  const segment = new URL(url).pathname.split('/').findLast((part) => part !== '');
  if (segment === undefined) return undefined;
  return cleanValue('title', decode(segment));
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
