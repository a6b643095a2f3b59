import Negotiator from 'negotiator';

/**
 * What an `Accept` header means to us. Part of cache keys instead of the raw header, of which there are thousands:
 * everything that negotiation takes from the header is in here.
 */
export type AcceptClass = 'avif+webp' | 'avif' | 'webp' | 'none';

/** Longest header that is parsed; browsers stay under 200 characters. */
const MAX_ACCEPT_CHARACTERS = 1024;

/** Distinct headers remembered; some 50 cover the browsers in use. About 256 KiB at most. */
const MEMO_ENTRIES = 256;

const memo = new Map<string, AcceptClass>();

/**
 * The class of an `Accept` header. AVIF and WebP count when the header names them (wildcards are sent by clients
 * that cannot show them), with a quality above 0 and not below that of JPEG and PNG. Memoised, bounded.
 */
export function acceptClass(accept: string | undefined): AcceptClass {
  if (accept === undefined || accept === '' || accept.length > MAX_ACCEPT_CHARACTERS) return 'none';
  const known = memo.get(accept);
  if (known !== undefined) return known;
  const found = classify(accept);
  if (memo.size >= MEMO_ENTRIES) memo.delete(memo.keys().next().value ?? '');
  memo.set(accept, found);
  return found;
}

/** Entries of equal quality are decided by their order in the header, so ours come first: all browsers give them 1. */
const PREFERENCE = ['image/avif', 'image/webp'];

function classify(accept: string): AcceptClass {
  const rank = (entry: string): number => {
    const index = PREFERENCE.indexOf((entry.split(';', 1)[0] ?? '').trim().toLowerCase());
    return index === -1 ? PREFERENCE.length : index;
  };
  const ordered = accept.split(',').sort((a, b) => rank(a) - rank(b));
  const negotiator = new Negotiator({ headers: { accept: ordered.join(',') } });
  const named = new Set(negotiator.mediaTypes().map((type) => type.toLowerCase()));
  const isBefore = (first: string, second: string): boolean =>
    negotiator.mediaTypes([first, second])[0] === first;
  const wins = (type: string): boolean =>
    named.has(type) && isBefore(type, 'image/jpeg') && isBefore(type, 'image/png');
  const avif = wins('image/avif');
  const webp = wins('image/webp');
  if (avif && webp) return isBefore('image/avif', 'image/webp') ? 'avif+webp' : 'webp';
  if (avif) return 'avif';
  return webp ? 'webp' : 'none';
}
