import { domainToUnicode } from 'node:url';
import { isIP } from 'node:net';

/** Second levels under which countries register names (a sample, not the public suffix list: it only picks a letter). */
const SECOND_LEVELS = new Set(
  'ac co com edu gen go gob gouv gov govt gv id in info ltd me mil ne net nhs nom or org plc pro pvt sch school web'.split(
    ' ',
  ),
);

/**
 * The label under which a site is likely registered, in its own script: `news.bücher.co.uk` gives `bücher`. For an
 * address its digits.
 */
export function siteLabel(hostname: string): string {
  const bare = hostname.replace(/^\[|\]$/g, '');
  if (isIP(bare) !== 0) return bare.replace(/[^0-9a-z]/g, '') || '0';
  const labels = domainToUnicode(bare).split('.').filter(Boolean);
  if (labels.length <= 1) return labels[0] ?? bare;
  const last = labels.at(-1) ?? '';
  const isBelowCountry =
    labels.length > 2 && last.length === 2 && SECOND_LEVELS.has(labels.at(-2)?.toLowerCase() ?? '');
  return labels.at(isBelowCountry ? -3 : -2) ?? bare;
}
