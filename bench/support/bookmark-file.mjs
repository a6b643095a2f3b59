import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { seededRandom } from './seeded-random.mjs';

/** A 16×16 PNG of a browser has 300 to 900 bytes; with this the file of 100 000 has the 78 MB of real ones. */
const ICON_BYTES = 400;
const FOLDER_LENGTH = 200;
const WORDS =
  'harbour keel load line draught hull mast rope anchor tide chart buoy ballast freight captain deck sail port storm light'.split(
    ' ',
  );

/**
 * Writes a Netscape file as browsers do: folders, tags, descriptions, icons as data URIs.
 *
 * @returns {Promise<number>} its bytes
 */
export async function writeBookmarkFile(path, { count, seed = 1, host = 'bench.example.org' }) {
  const random = seededRandom(seed);
  const words = (least, most) =>
    Array.from({ length: random.integer(least, most) }, () => random.pick(WORDS)).join(' ');
  const icons = Array.from({ length: 64 }, () =>
    Buffer.from(Array.from({ length: ICON_BYTES }, () => random.integer(0, 255))).toString('base64'),
  );
  const file = createWriteStream(path);
  let bytes = 0;
  const write = async (text) => {
    bytes += Buffer.byteLength(text);
    if (!file.write(text)) await once(file, 'drain');
  };
  await write(
    '<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=UTF-8">\n<TITLE>Bookmarks</TITLE>\n<H1>Bookmarks</H1>\n<DL><p>\n',
  );
  for (let index = 0; index < count; index++) {
    if (index % FOLDER_LENGTH === 0) {
      if (index > 0) await write('    </DL><p>\n');
      await write(`    <DT><H3 ADD_DATE="1700000000">Folder ${index / FOLDER_LENGTH}</H3>\n    <DL><p>\n`);
    }
    const description = index % 4 === 0 ? `        <DD>${words(5, 20)} &amp; ${words(3, 9)}\n` : '';
    await write(
      `        <DT><A HREF="https://${index % 997}.${host}/${random.pick(WORDS)}/${index}?id=${index}&amp;page=${index % 9}" ADD_DATE="${1_600_000_000 + index}" TAGS="${random.pick(WORDS)},${random.pick(WORDS)}" ICON="data:image/png;base64,${random.pick(icons)}">${words(3, 9)} ${index}</A>\n${description}`,
    );
  }
  await write('    </DL><p>\n</DL><p>\n');
  file.end();
  await once(file, 'close');
  return bytes;
}
