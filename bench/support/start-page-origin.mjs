import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { pictures } from './corpus.mjs';
import { ownProcess } from './life.mjs';

const script = fileURLToPath(new URL('./page-origin-server.mjs', import.meta.url));

const PREVIEW = { width: 1_200, height: 630, format: 'jpeg', grain: true, quality: 85 };

/** What pages name as their picture: mostly what og:image recommends, now and then what a camera gave. */
const PICTURES = {
  'preview-0': { ...PREVIEW, photo: 0 },
  'preview-1': { ...PREVIEW, photo: 1 },
  'preview-2': { ...PREVIEW, photo: 2 },
  'preview-3': { ...PREVIEW, photo: 3, progressive: true },
  'shot-0': { width: 2_000, height: 1_500, photo: 4, format: 'png' },
  'wide-0': { width: 1_600, height: 900, photo: 5, format: 'webp' },
  'camera12-0': { width: 4_000, height: 3_000, photo: 4, format: 'jpeg', grain: true },
  'camera24-0': { width: 6_000, height: 4_000, photo: 0, format: 'jpeg', grain: true, progressive: true },
};

/** Of 100 pages in a row, 4 have a picture of 12 megapixels and one of 24, progressive. */
const pictureOf = (n) =>
  n % 100 === 50
    ? 'camera24-0'
    : n % 25 === 10
      ? 'camera12-0'
      : n % 10 === 3
        ? 'shot-0'
        : n % 10 === 7
          ? 'wide-0'
          : `preview-${n % 4}`;

/**
 * Starts many small sites in a process of their own. Page `n` belongs to a site by its number.
 *
 * @returns `pageUrl(n)`; `otherHost`, a site without such pages, with `otherUrl(n)` of a picture; `stats()`: what was
 *   asked, and `mostAtOnce`, how many requests one of the sites with pages saw at once at most
 */
export async function startPageOrigin({ hosts }) {
  const corpus = await pictures({ ...PICTURES, icon: { width: 192, height: 192, photo: 6, format: 'png' } });
  const child = ownProcess(fork(script, { execArgv: [] }));
  const ask = async (message) => {
    const reply = once(child, 'message');
    child.send(message);
    return (await reply)[0];
  };
  const list = Array.from({ length: 100 }, (_, n) => corpus[pictureOf(n)]);
  const { ports } = await ask({ open: { hosts, pictures: list, icon: corpus.icon.path } });
  return {
    ports,
    pageUrl: (n) => `http://127.0.0.1:${ports[n % hosts]}/page/${n}`,
    otherHost: `127.0.0.1:${ports[hosts]}`,
    otherUrl: (n) => `http://127.0.0.1:${ports[hosts]}/picture/0?n=${n}`,
    stats: () => ask({ stats: true }),
    stop: () => child.disconnect(),
  };
}
