import { parseUrl } from '../url/index.js';
import type { Variable } from './variable.js';

const GROUPS = {
  server: 'Server',
  memory: 'Memory line',
  work: 'Work and queue',
  fetch: 'Fetching',
  images: 'Images',
  freshness: 'Freshness',
  store: 'Object store',
  bookmarks: 'Bookmarks',
  access: 'Access',
} as const;

/** For a URL that the server itself is given. */
export const isHttpUrl = (value: string): boolean => /^https?:$/.test(parseUrl(value)?.protocol ?? '');

/** One variable of the catalogue; `secret` masks it wherever settings are shown. */
export const define = <T>(
  group: keyof typeof GROUPS,
  schema: Variable<T>['schema'],
  fallback: string | undefined,
  unit: string,
  effect: string,
  secret = false,
): Variable<T> => ({ schema, default: fallback, unit, effect, secret, group: GROUPS[group] });
