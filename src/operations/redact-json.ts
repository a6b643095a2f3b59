import { redactText } from '../jobs/index.js';

/** What a job returns is flat; deeper than this is not shown. */
const MOST_LEVELS = 8;

/** JSON whose texts, names included, hold no URL with query, fragment or user information. */
export function redactJson(value: unknown, levels = MOST_LEVELS): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (levels === 0) return '…';
  if (Array.isArray(value)) return value.map((item) => redactJson(item, levels - 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [redactText(name), redactJson(item, levels - 1)]),
  );
}
