import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { OriginServer } from '../support/origin-server.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

/** Real photographs of Debian's packages `mate-backgrounds` and `plasma-workspace-wallpapers`. */
const FOLDERS = [
  '/usr/share/backgrounds/mate/nature',
  '/usr/share/backgrounds/mate/abstract',
  '/usr/share/wallpapers',
];

/** Enough of each folder to meet several cameras and encoders without making the suite slow. */
const PER_FOLDER = 6;

async function photographs(): Promise<string[]> {
  const found: string[] = [];
  for (const folder of FOLDERS) {
    const names = (await readdir(folder, { recursive: true })).filter((name) => /\.(jpe?g|png)$/i.test(name));
    found.push(
      ...names
        .sort()
        .slice(0, PER_FOLDER)
        .map((name) => join(folder, name)),
    );
  }
  return found;
}

describe('real photographs', () => {
  let origin: OriginServer;
  let app: TestApp;
  let files: string[];

  beforeAll(async () => {
    files = await photographs();
    origin = await new OriginServer().start();
    for (const file of files) origin.serve(`/${basename(file)}`, await readFile(file));
    app = await startTestApp({ FETCH_ALLOWED_HOSTS: origin.host, THROTTLE: 'off' });
  });

  afterAll(async () => {
    await app.close();
    await origin.close();
  });

  const ask = (file: string, query: Record<string, string>): Promise<Response> =>
    fetch(
      `${app.url}/api/images?${new URLSearchParams({ url: origin.url(`/${basename(file)}`), ...query })}`,
    );

  it('are there', () => {
    expect(files.length).toBeGreaterThanOrEqual(12);
  });

  it.each(['webp', 'jpeg', 'png', 'avif'] as const)(
    'come out as %s in the size asked for',
    async (format) => {
      for (const file of files) {
        const { width, height } = await sharp(file).metadata();
        const response = await ask(file, { w: '320', format });
        const made = await sharp(Buffer.from(await response.arrayBuffer())).metadata();

        expect({ file: basename(file), status: response.status }).toEqual({
          file: basename(file),
          status: 200,
        });
        expect(made.format).toBe(format === 'avif' ? 'heif' : format);
        expect(made.width).toBe(320);
        expect(Math.abs(made.height - (320 * height) / width)).toBeLessThanOrEqual(1);
        expect(made.exif).toBeUndefined();
      }
    },
  );

  it('look like themselves: the mean colour survives', async () => {
    for (const file of files) {
      const response = await ask(file, { w: '320', format: 'webp' });
      const made = await meanColour(Buffer.from(await response.arrayBuffer()));
      const source = await meanColour(file);

      made.forEach((mean, channel) => {
        expect(Math.abs(mean - (source[channel] ?? NaN))).toBeLessThan(4);
      });
    }
  });
});

/** Mean of red, green and blue on black, 0 to 255. */
async function meanColour(input: Buffer | string): Promise<number[]> {
  const pixel = await sharp(input)
    .flatten({ background: '#000' })
    .toColourspace('srgb')
    .resize(320)
    .raw()
    .toBuffer({ resolveWithObject: true });
  const sums = [0, 0, 0];
  const { channels } = pixel.info;
  for (let at = 0; at < pixel.data.length; at += channels) {
    for (let channel = 0; channel < 3; channel += 1) {
      sums[channel] = (sums[channel] ?? 0) + (pixel.data[at + Math.min(channel, channels - 1)] ?? 0);
    }
  }
  return sums.map((sum) => (sum * channels) / pixel.data.length);
}
