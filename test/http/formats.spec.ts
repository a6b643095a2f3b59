import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp, { type Metadata } from 'sharp';
import {
  corpus,
  CORNERS,
  CORPUS,
  orientedJpeg,
  truncations,
  type CorpusName,
} from '../support/image-corpus.js';
import { OriginServer } from '../support/origin-server.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

const OUTPUTS = ['jpeg', 'png', 'webp', 'avif', 'gif'] as const;
type Output = (typeof OUTPUTS)[number];

/** What cannot be made into anything, and what the server says of it. */
const PROBLEMS: Readonly<Partial<Record<CorpusName, readonly [status: number, code: string]>>> = {
  'gif-10000-frames': [422, 'image-too-many-pixels'],
  'png-30000x30000': [422, 'image-too-many-pixels'],
  html: [415, 'not-an-image'],
  empty: [415, 'not-an-image'],
  svg: [415, 'not-an-image'],
};

/** All others are 4:3 and come out as 24×18. */
const SIZES: Readonly<Partial<Record<CorpusName, readonly [width: number, height: number]>>> = {
  'one-pixel': [1, 1],
  'wide-16000x1': [24, 1],
};

const WITH_ALPHA: readonly CorpusName[] = ['png-alpha', 'webp-alpha', 'webp-lossless-extended'];
const ANIMATED: readonly CorpusName[] = ['webp-animated', 'gif-animated'];

const NAMES = Object.keys(CORPUS) as CorpusName[];
const PICTURES = NAMES.filter((name) => PROBLEMS[name] === undefined);

/** The sniffed type, as sharp names it. */
const formatOf = ({ format, compression }: Metadata): string =>
  format === 'heif' && compression === 'av1' ? 'avif' : String(format);

describe('every source in every format', () => {
  let origin: OriginServer;
  let app: TestApp;

  beforeAll(async () => {
    origin = await new OriginServer().start();
    // The origin calls everything a JPEG: what counts is what the bytes are.
    for (const name of NAMES) origin.serve(`/${name}.jpg`, await corpus(name));
    for (let orientation = 1; orientation <= 8; orientation += 1) {
      origin.serve(`/orientation-${orientation}.jpg`, await orientedJpeg(orientation));
    }
    app = await startTestApp({ FETCH_ALLOWED_HOSTS: origin.host });
  });

  afterAll(async () => {
    await app.close();
    await origin.close();
  });

  const ask = (path: string, query: Record<string, string>): Promise<Response> =>
    fetch(`${app.url}/api/images?${new URLSearchParams({ url: origin.url(path), ...query })}`);

  const picture = async (path: string, query: Record<string, string>): Promise<Buffer> => {
    const response = await ask(path, query);
    expect(response.status).toBe(200);
    return Buffer.from(await response.arrayBuffer());
  };

  const pairs = PICTURES.flatMap((name) => OUTPUTS.map((format): [CorpusName, Output] => [name, format]));

  it.each(pairs)('makes %s into %s', async (name, format) => {
    const response = await ask(`/${name}.jpg`, { w: '24', format });
    const body = Buffer.from(await response.arrayBuffer());
    const metadata = await sharp(body).metadata();
    const [width, height] = SIZES[name] ?? [24, 18];
    const moves = ANIMATED.includes(name) && (format === 'webp' || format === 'gif');
    const showsAlpha = WITH_ALPHA.includes(name) && format !== 'jpeg';

    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(`image/${format}`);
    expect(formatOf(metadata)).toBe(format);
    expect([metadata.width, metadata.pageHeight ?? metadata.height]).toEqual([width, height]);
    expect(metadata.pages ?? 1).toBe(moves ? 3 : 1);
    expect(metadata.hasAlpha || !showsAlpha).toBe(true);
    expect(metadata.exif).toBeUndefined();
    // Decodes to its end.
    await sharp(body, { pages: -1, failOn: 'warning' }).raw().toBuffer();
  });

  const refused = (Object.keys(PROBLEMS) as CorpusName[]).flatMap((name) =>
    OUTPUTS.map((format): [CorpusName, Output, number, string] => [
      name,
      format,
      ...(PROBLEMS[name] as readonly [number, string]),
    ]),
  );

  it.each(refused)('refuses to make %s into %s with %i %s', async (name, format, status, code) => {
    const response = await ask(`/${name}.jpg`, { w: '24', format });

    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({ status, code });
  });

  it.each(NAMES.filter((name) => name !== 'svg'))(
    'chooses a format for %s that every browser shows',
    async (name) => {
      const response = await ask(`/${name}.jpg`, { w: '24' });
      await response.arrayBuffer();
      const [status] = PROBLEMS[name] ?? [200];

      expect(response.status).toBe(status);
      expect(response.headers.get('content-type')).toMatch(
        /^(image\/(jpeg|png|gif|webp)|application\/problem\+json)/,
      );
      expect(response.headers.get('vary')).toContain('Accept');
    },
  );

  it.each(['jpeg', 'png-photo', 'webp-photo', 'gif-photo', 'avif-photo', 'tiff-photo'] as const)(
    'answers every truncation of %s with a problem, never with a torn picture',
    async (name) => {
      const cut = truncations(await corpus(name));
      cut.forEach((bytes, index) => origin.serve(`/cut-${name}-${index}`, bytes));

      const answers = await Promise.all(
        cut.map(async (_bytes, index) => {
          const response = await ask(`/cut-${name}-${index}`, { w: '24', format: 'webp' });
          await response.arrayBuffer();
          return response.status;
        }),
      );

      expect(answers.filter((status) => status !== 422 && status !== 415)).toEqual([]);
    },
  );

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('shows EXIF orientation %i upright', async (orientation) => {
    const path = `/orientation-${orientation}.jpg`;
    const { data, info } = await sharp(await picture(path, { format: 'png' }))
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const facts = await fetch(
      `${app.url}/api/images/metadata?${new URLSearchParams({ url: origin.url(path) })}`,
    );
    const colourAt = (x: number, y: number): readonly number[] => [
      ...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3),
    ];
    const distance = (found: readonly number[], wanted: readonly number[]): number =>
      Math.max(...found.map((value, channel) => Math.abs(value - (wanted[channel] ?? 0))));

    expect([info.width, info.height]).toEqual([80, 60]);
    expect(distance(colourAt(8, 8), CORNERS.leftTop)).toBeLessThan(30);
    expect(distance(colourAt(72, 8), CORNERS.rightTop)).toBeLessThan(30);
    expect(distance(colourAt(8, 52), CORNERS.leftBottom)).toBeLessThan(30);
    expect(distance(colourAt(72, 52), CORNERS.rightBottom)).toBeLessThan(30);
    expect(await facts.json()).toMatchObject({ width: 80, height: 60, orientation });
  });

  it('keeps the longest side of 16000×1 within the limit, and at least one pixel of the other', async () => {
    const metadata = await sharp(await picture('/wide-16000x1.jpg', { format: 'png' })).metadata();

    expect([metadata.width, metadata.height]).toEqual([8192, 1]);
  });

  it('keeps the timing of an animation', async () => {
    const gif = await sharp(await picture('/webp-animated.jpg', { format: 'gif' })).metadata();
    const webp = await sharp(await picture('/gif-animated.jpg', { format: 'webp' })).metadata();

    expect([gif.delay, webp.delay]).toEqual([
      [80, 120, 160],
      [80, 120, 160],
    ]);
  });
});
