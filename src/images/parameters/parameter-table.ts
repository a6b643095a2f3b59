/** One query parameter as people read it: the reference in the documentation is made from this table. */
export interface ParameterDescription {
  /** Other spellings, from servers that people come from (IPX, imgproxy, Cloudflare, imgix, wsrv). */
  readonly aliases: readonly string[];
  /** What is allowed, as the rest of the sentence `Parameter "x" must be …`. */
  readonly allowed: string;
  /** What holds when it is absent. */
  readonly fallback: string;
  readonly effect: string;
}

/** Every name that the query of an image route may hold. Anything else is refused: it would multiply cache keys. */
export const PARAMETERS = {
  url: {
    aliases: [],
    allowed: 'one absolute http or https URL of at most 4096 characters',
    fallback: 'none',
    effect: 'The source.',
  },
  w: {
    aliases: ['width'],
    allowed: 'a whole number of pixels from 1 to the longest output side',
    fallback: 'by ratio',
    effect: 'Width in CSS pixels, multiplied by dpr.',
  },
  h: {
    aliases: ['height'],
    allowed: 'a whole number of pixels from 1 to the longest output side',
    fallback: 'by ratio',
    effect: 'Height in CSS pixels, multiplied by dpr.',
  },
  dpr: {
    aliases: [],
    allowed: 'a number from 0.1 to 5',
    fallback: '1',
    effect: 'Device pixel ratio; rounded to hundredths.',
  },
  fit: {
    aliases: [],
    allowed:
      'one of cover, contain, fill, inside, outside (also crop, pad, stretch, scale-down, fit-in, max, clip)',
    fallback: 'cover',
    effect: 'How the picture meets a box of w and h.',
  },
  position: {
    aliases: ['pos', 'gravity'],
    allowed:
      'center, top, bottom, left, right, a corner such as left-top, entropy, attention, or a focal point x,y with shares from 0 to 1',
    fallback: 'center',
    effect: 'What stays visible when cover crops, and where contain puts the picture.',
  },
  format: {
    aliases: ['f', 'output'],
    allowed: 'one of auto, avif, webp, jpeg (jpg), png, gif, original',
    fallback: 'auto',
    effect: 'Output format; auto negotiates by Accept, original passes the source on.',
  },
  q: {
    aliases: ['quality'],
    allowed: 'a whole number from 1 to 100',
    fallback: 'IMAGE_DEFAULT_QUALITY',
    effect:
      'Quality on the scale of JPEG; AVIF gets its equivalent, PNG and GIF ignore it. 100 makes WebP of a lossless source lossless.',
  },
  background: {
    aliases: ['bg'],
    allowed: 'a hex colour of 3, 4, 6 or 8 digits or a basic CSS colour name',
    fallback: 'transparent, white for JPEG',
    effect: 'Colour under transparency, of padding and of the corners of a rotation.',
  },
  rotate: {
    aliases: ['rot'],
    allowed: 'degrees from -360 to 360',
    fallback: '0',
    effect: 'Clockwise, after EXIF orientation and mirroring, before the resize.',
  },
  flip: { aliases: [], allowed: '0 or 1', fallback: '0', effect: 'Mirrors top and bottom.' },
  flop: { aliases: [], allowed: '0 or 1', fallback: '0', effect: 'Mirrors left and right.' },
  blur: {
    aliases: [],
    allowed: 'a sigma from 0.3 to 100',
    fallback: 'none',
    effect: 'Gaussian blur of the result.',
  },
  sharpen: {
    aliases: [],
    allowed: 'a sigma from 0.3 to 10',
    fallback: 'none',
    effect: 'Sharpens the result.',
  },
  trim: {
    aliases: [],
    allowed: 'a threshold from 0 to 100',
    fallback: 'none',
    effect: 'Cuts borders that resemble the top left pixel.',
  },
  animated: {
    aliases: ['anim'],
    allowed: '0 or 1',
    fallback: '1',
    effect: '0 takes the first frame of an animation.',
  },
  page: {
    aliases: [],
    allowed: 'a whole number from 0 to 99999',
    fallback: '0',
    effect: 'A frame of an animation or a page of a TIFF, as a still picture.',
  },
  enlarge: {
    aliases: [],
    allowed: '0 or 1',
    fallback: '0',
    effect: '1 allows results larger than the source.',
  },
  preset: {
    aliases: [],
    allowed: 'a name from IMAGE_PRESETS',
    fallback: 'none',
    effect: 'A named set of parameters; parameters beside it win.',
  },
  v: {
    aliases: [],
    allowed: '1 to 64 letters, digits, dots, dashes or underscores',
    fallback: 'none',
    effect: 'Cache buster.',
  },
  delivery: {
    aliases: ['deliver'],
    allowed: 'one of bytes, redirect, json',
    fallback: 'bytes',
    effect: 'The bytes, a redirect to their public URL, or JSON about them.',
  },
  sig: { aliases: [], allowed: 'a signature', fallback: 'none', effect: 'Signature of the URL.' },
  exp: { aliases: [], allowed: 'seconds since 1970', fallback: 'none', effect: 'When a signature expires.' },
} as const satisfies Record<string, ParameterDescription>;

export type ParameterName = keyof typeof PARAMETERS;

/** Parameters that say where from, how and by whose leave; the others describe the picture. */
export const REQUEST_PARAMETERS = [
  'url',
  'delivery',
  'sig',
  'exp',
] as const satisfies readonly ParameterName[];

const NAMES: ReadonlyMap<string, ParameterName> = new Map(
  (Object.keys(PARAMETERS) as ParameterName[]).flatMap((name) =>
    [name, ...PARAMETERS[name].aliases].map((spelling) => [spelling, name] as const),
  ),
);

/** The parameter that `spelling` stands for; `undefined` when there is none. Names are case-sensitive. */
export function parameterBySpelling(spelling: string): ParameterName | undefined {
  return NAMES.get(spelling);
}
