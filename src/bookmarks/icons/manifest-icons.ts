import type { IconCandidate } from './icon-candidate.js';
import { candidateUrl, largestSide } from './declared-icons.js';

/** Entries of a manifest that are looked at. */
const MAX_ENTRIES = 32;

/** Icons of a web app manifest. Anything else in it, and what is not as it should be, is passed over. */
export function manifestIcons(text: string, manifestUrl: string, svgAllowed: boolean): IconCandidate[] {
  const icons = parse(text);
  return icons.slice(0, MAX_ENTRIES).flatMap((entry): IconCandidate[] => {
    if (typeof entry !== 'object' || entry === null) return [];
    const { src, sizes, purpose, type } = entry as Readonly<Record<string, unknown>>;
    const url = typeof src === 'string' ? candidateUrl(src, manifestUrl) : undefined;
    const purposes = typeof purpose === 'string' ? purpose.toLowerCase().split(/\s+/) : ['any'];
    // A monochrome icon is a stencil.
    if (url === undefined || !purposes.some((word) => word === 'any' || word === 'maskable')) return [];
    if (!svgAllowed && (type === 'image/svg+xml' || /\.svg$/i.test(new URL(url).pathname))) return [];
    const size = typeof sizes === 'string' ? largestSide(sizes) : undefined;
    return [
      {
        url,
        from: 'manifest',
        maskable: !purposes.includes('any'),
        ...(size === undefined ? {} : { size }),
      },
    ];
  });
}

function parse(text: string): readonly unknown[] {
  try {
    const manifest: unknown = JSON.parse(text.replace(/^\ufeff/, ''));
    const icons = (manifest as { readonly icons?: unknown } | null)?.icons;
    return Array.isArray(icons) ? icons : [];
  } catch {
    return [];
  }
}
