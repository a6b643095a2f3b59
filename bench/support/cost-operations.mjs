import { seededRandom } from './seeded-random.mjs';

/**
 * Operations by group: source and query. `800-1200` is a number that is drawn for each operation. A third entry says
 * what differs: `cheaper`, the plan under pressure; an act other than a transform.
 */
const GROUPS = {
  'JPEG baseline': [
    ['baseline-24', 'w=600-1400&f=webp'],
    ['baseline-24', 'w=1800-2900&f=jpeg'],
    ['baseline-12', 'w=1200-1900&f=png'],
    ['baseline-12-444', 'w=1400-2600&f=webp'],
    ['grey-12', 'w=1500-2500&f=jpeg'],
    ['cmyk-12', 'w=1000-2400&f=jpeg'],
  ],
  'JPEG progressive': [
    ['progressive-24', 'w=700-1200&f=webp'],
    ['progressive-12', 'w=1500-2200&f=jpeg'],
    ['progressive-3', 'w=900-1500&f=jpeg'],
    ['progressive-24-444', 'w=800-1600&f=webp'],
    ['progressive-12-444', 'w=600-2000&f=png'],
    ['progressive-12-grey', 'w=600-1600&f=jpeg'],
    ['progressive-12-cmyk', 'w=600-1600&f=webp'],
  ],
  PNG: [
    ['png-24', 'w=800-1500&f=webp'],
    ['png-12', 'w=1500-2500&f=png'],
    ['png-3', 'w=640-1200&f=avif'],
    ['png-6-palette', 'w=800-1600&f=webp'],
    ['png-12-alpha', 'w=600-1200&f=webp'],
    ['png-12-alpha', 'w=1000-2000&f=png'],
    ['png-12-16bit', 'w=800-1600&f=jpeg'],
    ['png-3-16bit', 'w=800-1600&f=png'],
  ],
  'PNG interlaced': [
    ['interlaced-24', 'w=800-1400&f=webp'],
    ['interlaced-12', 'w=600-1800&f=jpeg'],
    ['interlaced-12-alpha', 'w=600-1000&f=webp'],
    ['interlaced-3-16bit', 'w=600-1200&f=jpeg'],
  ],
  'WebP lossy': [
    ['lossy-24', 'w=800-2400&f=jpeg'],
    ['lossy-12', 'w=1200-2400&f=webp'],
    ['lossy-12-alpha', 'w=600-1200&f=webp'],
    ['lossy-12-alpha', 'w=800-1600&f=jpeg'],
  ],
  'WebP lossless': [
    ['lossless-24', 'w=700-1200&f=webp'],
    ['lossless-12', 'w=800-1800&f=jpeg'],
    ['lossless-3-alpha', 'w=600-1200&f=png'],
  ],
  'WebP animated': [
    ['webp-film', 'w=300-640&f=webp'],
    ['webp-film-lossless', 'w=400-640&f=webp'],
    ['webp-film', 'w=240-320&f=gif'],
  ],
  GIF: [
    ['gif-6', 'w=600-1600&f=webp'],
    ['gif-3', 'w=600-1200&f=png'],
    ['gif-film', 'w=300-640&f=webp'],
    ['gif-film', 'w=240-480&f=gif'],
  ],
  TIFF: [
    ['tiff-12', 'w=800-1600&f=webp'],
    ['tiff-24-plain', 'w=1000-2000&f=jpeg'],
    ['tiff-12-tiled', 'w=600-1200&f=webp'],
  ],
  AVIF: [
    ['avif-12', 'w=800-1600&f=webp'],
    ['avif-3', 'w=600-1400&f=jpeg'],
    ['avif-3-alpha', 'w=600-1200&f=webp'],
  ],
  SVG: [
    ['svg-plain', 'w=2500-4000&f=png'],
    ['svg-plain', 'w=1200-2400&f=webp'],
    ['svg-complex', 'w=900-1150&f=webp'],
    ['svg-complex', 'w=700-1150&f=png'],
  ],
  'wide and tall': [
    ['baseline-wide', 'w=3000-5900&f=webp'],
    ['baseline-tall', 'w=300-900&f=jpeg'],
    ['progressive-wide', 'w=1500-4000&f=webp'],
    ['progressive-tall', 'w=200-600&f=webp'],
    ['png-wide', 'w=2000-6000&f=jpeg'],
    ['png-tall', 'w=300-700&f=webp'],
    ['png-wide-16bit', 'w=2000-5000&f=webp'],
    ['lossy-tall', 'w=300-800&f=jpeg'],
    ['lossless-wide', 'w=2000-6000&f=webp'],
  ],
  'result JPEG, full size': [
    ['baseline-12', 'w=3000-4000&f=jpeg'],
    ['png-12', 'w=3000-4000&f=jpeg'],
    ['baseline-24', 'w=3000-5000&f=jpeg', { cheaper: true }],
  ],
  'result PNG, full size': [
    ['baseline-12', 'w=2800-4000&f=png'],
    ['png-12-alpha', 'w=2800-4000&f=png'],
  ],
  'result WebP, full size': [
    ['baseline-12', 'w=2800-4000&f=webp'],
    ['lossy-24', 'w=3000-4500&f=webp'],
    ['png-12-alpha', 'w=2000-3000&f=webp'],
  ],
  'result WebP lossless': [
    ['png-12', 'w=1400-2400&f=webp&q=100'],
    ['png-3-alpha', 'w=1000-1600&f=webp&q=100'],
  ],
  'result AVIF': [
    ['baseline-12', 'w=1000-2400&f=avif'],
    ['baseline-24', 'w=2000-3200&f=avif'],
    ['png-12-alpha', 'w=800-1600&f=avif'],
    ['baseline-12', 'w=1000-2400&f=avif', { cheaper: true }],
  ],
  'result GIF': [
    ['baseline-3', 'w=600-1400&f=gif'],
    ['png-3-alpha', 'w=600-1200&f=gif'],
  ],
  'EXIF turn': [
    ['exif6-24', 'w=1000-2400&f=jpeg'],
    ['exif3-12', 'w=1200-2400&f=webp'],
    ['exif2-12', 'w=1200-2400&f=webp'],
    ['exif8-12-progressive', 'w=800-1800&f=webp'],
    ['exif6-12-lossless', 'w=800-1800&f=jpeg'],
  ],
  'right angle, mirrored': [
    ['baseline-12', 'rotate=90&w=1000-2000&f=webp'],
    ['png-12', 'rotate=180&w=1000-2000&f=jpeg'],
    ['baseline-24', 'flip=1&w=1500-2900&f=webp'],
    ['exif6-24', 'rotate=270&w=1000-2000&f=jpeg'],
  ],
  'any angle': [
    ['baseline-12', 'rotate=17&w=1000-2000&f=webp'],
    ['png-12', 'rotate=45&w=800-1600&f=jpeg'],
    ['baseline-3', 'rotate=30&w=900-1500&h=500-900&fit=fill&f=png'],
    ['lossless-12', 'rotate=5&w=800-1600&f=webp'],
  ],
  trim: [
    ['baseline-12', 'trim=10&w=800-1600&f=jpeg'],
    ['png-24', 'trim=5&w=800-1600&f=webp'],
    ['lossless-12', 'trim=10&w=800-1600&f=jpeg'],
    ['png-12-alpha', 'trim=10&w=600-1200&f=png'],
  ],
  'crop and pad': [
    ['baseline-24', 'w=400-800&h=2500-3900&f=webp'],
    ['png-12', 'w=1000-2000&h=1000-2000&f=jpeg'],
    ['baseline-12', 'w=1200-2000&h=1800-2400&fit=contain&f=png'],
    ['baseline-12', 'w=1000-1600&h=1000-1600&position=attention&f=webp'],
    ['baseline-24', 'w=400-800&h=2500-3900&position=attention&f=jpeg'],
    ['png-12', 'w=600-1200&h=1500-2500&position=entropy&f=webp'],
  ],
  'enlarge, blur, sharpen': [
    ['baseline-3', 'w=2500-3800&enlarge=1&f=webp'],
    ['baseline-12', 'w=1200-2400&blur=5-20&f=webp'],
    ['png-12', 'w=1200-2400&sharpen=2&f=jpeg'],
  ],
  placeholder: [
    ['exif6-24', undefined, { act: 'placeholder' }],
    ['exif8-12-progressive', undefined, { act: 'placeholder' }],
    ['exif6-12-lossless', undefined, { act: 'placeholder' }],
    ['progressive-24-444', undefined, { act: 'placeholder' }],
    ['png-24', undefined, { act: 'placeholder' }],
    ['png-12-16bit', undefined, { act: 'placeholder' }],
    ['interlaced-12-alpha', undefined, { act: 'placeholder' }],
    ['lossy-12-alpha', undefined, { act: 'placeholder' }],
    ['lossless-24', undefined, { act: 'placeholder' }],
    ['gif-6', undefined, { act: 'placeholder' }],
    ['avif-12', undefined, { act: 'placeholder' }],
    ['tiff-12', undefined, { act: 'placeholder' }],
  ],
  'decode check': [
    ['progressive-24', undefined, { act: 'decode-check' }],
    ['progressive-12-cmyk', undefined, { act: 'decode-check' }],
    ['exif6-12-lossless', undefined, { act: 'decode-check' }],
    ['png-24', undefined, { act: 'decode-check' }],
    ['interlaced-24', undefined, { act: 'decode-check' }],
    ['lossless-12', undefined, { act: 'decode-check' }],
    ['webp-film-lossless', undefined, { act: 'decode-check' }],
    ['gif-film', undefined, { act: 'decode-check' }],
    ['avif-3-alpha', undefined, { act: 'decode-check' }],
    ['tiff-12-tiled', undefined, { act: 'decode-check' }],
  ],
};

/** How often what has no number to draw is worth measuring. */
const ONCE = 1;

/**
 * `count` operations over all groups; the same seed gives the same. The first of a template comes before the second of
 * any, and the groups take turns, so that a short run still looks at all of them.
 */
export function costOperations(count, seed) {
  const random = seededRandom(seed);
  const all = Object.entries(GROUPS).flatMap(([group, entries]) =>
    entries.map(([source, query, more = {}], place) => ({ group, place, source, query, ...more })),
  );
  const turns = all.toSorted((a, b) => a.place - b.place);
  const operations = [];
  for (let round = 0; operations.length < count; round++) {
    for (const template of turns) {
      if (operations.length === count) break;
      if (round >= ONCE && template.query === undefined) continue;
      const { group, source, act = 'transform', cheaper = false } = template;
      const query = template.query?.replace(/(\d+)-(\d+)/g, (_, least, most) =>
        String(random.integer(Number(least), Number(most))),
      );
      operations.push({ group, source, act, query, cheaper });
    }
  }
  return operations;
}
