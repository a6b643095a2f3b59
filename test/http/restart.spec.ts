import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventEmitter2 } from '@nestjs/event-emitter';
import sharp from 'sharp';
import { Intervals } from '../../src/async-ops/index.js';
import { EVENT_NAMES, EventBus } from '../../src/events/index.js';
import { ByteAccounts, MemorySampler } from '../../src/process-memory/index.js';
import { OriginServer } from '../support/origin-server.js';
import { noise, photo } from '../support/pictures.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly cacheStatus: string | null;
  readonly etag: string | null;
  readonly code: string | undefined;
}

const FROM_STORE = 'plimsoll; hit; detail=store';
const MADE = 'plimsoll; fwd=uri-miss; stored';

const ORIGINAL = { format: 'original' };
const PATHS = ['/picture.jpg', '/large.jpg', '/small-original.jpg', '/large-original.jpg'];

const isRecord = (path: string): boolean => path.endsWith('.json');

/** What may have happened to the files of the store while the server was down. */
const DAMAGES: readonly (readonly [string, (files: readonly string[]) => Promise<void>])[] = [
  [
    'data cut in half',
    (files) => each(files, false, async (path) => truncate(path, (await stat(path)).size >> 1)),
  ],
  ['data with one bit flipped', (files) => each(files, false, flipBit)],
  ['data gone', (files) => each(files, false, unlink)],
  ['data empty', (files) => each(files, false, (path) => truncate(path, 0))],
  ['records of garbage', (files) => each(files, true, (path) => writeFile(path, '{"not": "a record'))],
  ['records gone', (files) => each(files, true, unlink)],
  ['records empty', (files) => each(files, true, (path) => truncate(path, 0))],
];

async function each(
  files: readonly string[],
  records: boolean,
  damage: (path: string) => Promise<void>,
): Promise<void> {
  const chosen = files.filter((path) => isRecord(path) === records);
  expect(chosen.length).toBeGreaterThan(0);
  for (const path of chosen) await damage(path);
}

async function flipBit(path: string): Promise<void> {
  const bytes = await readFile(path);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Path, time of change and content of every file. */
async function fingerprint(folder: string): Promise<string[]> {
  return Promise.all(
    (await filesBelow(folder)).map(async (path) => {
      const { mtimeMs } = await stat(path);
      return `${path} ${mtimeMs} ${createHash('sha256')
        .update(await readFile(path))
        .digest('hex')}`;
    }),
  );
}

describe('a server that starts again on its folder', () => {
  let origin: OriginServer;
  let dataDir: string;
  let app: TestApp | undefined;
  let picture: Buffer;
  let large: Buffer;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-restart-'));
    origin = await new OriginServer().start();
    [picture, large] = await Promise.all([photo(400, 300), noise(500, 400)]);
    for (const path of PATHS)
      origin.serve(path, path.includes('large') ? large : picture, { 'cache-control': 'max-age=86400' });
  });

  afterEach(async () => {
    await app?.close();
    app = undefined;
    await origin.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  const start = async (overrides: Record<string, string> = {}): Promise<TestApp> => {
    app = await startTestApp(
      { FETCH_ALLOWED_HOSTS: origin.host, IMAGE_STREAM_THRESHOLD_BYTES: '100000', ...overrides },
      { dataDir },
    );
    return app;
  };

  const restart = async (overrides?: Record<string, string>): Promise<TestApp> => {
    await stop();
    return start(overrides);
  };

  const stop = async (): Promise<void> => {
    await app?.settle();
    await app?.close();
    app = undefined;
  };

  const read = async (target: string, init?: RequestInit): Promise<Answer> => {
    const response = await fetch(`${app?.url}${target}`, init);
    const body = Buffer.from(await response.arrayBuffer());
    const isProblem = response.headers.get('content-type')?.includes('problem+json') === true;
    return {
      status: response.status,
      body,
      cacheStatus: response.headers.get('cache-status'),
      etag: response.headers.get('etag'),
      code: isProblem ? (JSON.parse(body.toString()) as { code: string }).code : undefined,
    };
  };

  const ask = (path: string, query: Record<string, string> = { w: '60', format: 'webp' }): Promise<Answer> =>
    read(`/api/images?${new URLSearchParams({ url: origin.url(path), ...query })}`);

  const upload = async (): Promise<string> => {
    const created = await read('/api/images', {
      method: 'POST',
      body: new Uint8Array(picture),
      headers: { 'content-type': 'image/jpeg' },
    });
    return (JSON.parse(created.body.toString()) as { id: string }).id;
  };

  it('serves variants from the store, then from memory, and does not ask the origin', async () => {
    await start();
    const made = await ask('/picture.jpg');

    await restart();
    const stored = await ask('/picture.jpg');
    const hit = await ask('/picture.jpg');

    expect(made.cacheStatus).toBe(MADE);
    expect(stored.cacheStatus).toBe(FROM_STORE);
    expect(hit.cacheStatus).toBe('plimsoll; hit; detail=memory');
    expect([stored.etag, hit.etag]).toEqual([made.etag, made.etag]);
    expect(stored.body.equals(made.body)).toBe(true);
    expect(origin.requests('/picture.jpg')).toBe(1);
  });

  it('makes another size from the stored original, and passes that on, without the origin', async () => {
    await start();
    await ask('/picture.jpg');
    await ask('/large.jpg');

    await restart();
    const sizes = [await ask('/picture.jpg', { w: '70' }), await ask('/large.jpg', { w: '70' })];
    const original = await ask('/large.jpg', ORIGINAL);

    expect(sizes.map(({ cacheStatus }) => cacheStatus)).toEqual([MADE, MADE]);
    expect(original.body.equals(large)).toBe(true);
    expect(origin.requests()).toBe(2);
  });

  it('still has every upload, and what was made of it', async () => {
    await start();
    const id = await upload();
    await read(`/api/images/${id}?w=60`);

    await restart();
    const variant = await read(`/api/images/${id}?w=60`);
    const original = await read(`/api/images/${id}?format=original`);

    expect(variant.cacheStatus).toBe(FROM_STORE);
    expect(original.body.equals(picture)).toBe(true);
  });

  it('remembers the freshness that a 304 gave', async () => {
    origin.revalidating('/etagged.jpg', picture, '"one"', 'Thu, 01 Jan 2026 00:00:00 GMT');
    const first = await start();
    await ask('/etagged.jpg');
    first.skip(3_000_000);
    await ask('/etagged.jpg');
    await first.settle();
    const asked = origin.requests('/etagged.jpg');

    const second = await restart();
    second.skip(3_000_000);
    const after = await ask('/etagged.jpg');

    expect(asked).toBe(2);
    expect(after.cacheStatus).toBe(FROM_STORE);
    expect(origin.requests('/etagged.jpg')).toBe(2);
  });

  describe.each(DAMAGES)('and finds %s', (_what, damage) => {
    it('makes all of it again that can be made, asks the origin once, and serves nothing wrong', async () => {
      await start();
      const made = [await ask('/picture.jpg'), await ask('/large.jpg')];
      await ask('/small-original.jpg', ORIGINAL);
      await ask('/large-original.jpg', ORIGINAL);
      const id = await upload();
      await stop();
      await damage(await filesBelow(join(dataDir, 'objects')));

      await start();
      const again = [await ask('/picture.jpg'), await ask('/large.jpg')];
      const originals = [
        await ask('/small-original.jpg', ORIGINAL),
        await ask('/large-original.jpg', ORIGINAL),
      ];
      const uploads = [await read(`/api/images/${id}?w=60`), await read(`/api/images/${id}?format=original`)];

      expect(again.map(({ cacheStatus }) => cacheStatus)).toEqual([MADE, MADE]);
      expect(again.map(({ etag }) => etag)).toEqual(made.map(({ etag }) => etag));
      expect(originals.map(({ body }) => body.length)).toEqual([picture.length, large.length]);
      expect(originals.map(({ body }, index) => body.equals(index === 0 ? picture : large))).toEqual([
        true,
        true,
      ]);
      expect(PATHS.map((path) => origin.requests(path))).toEqual([2, 2, 2, 2]);
      expect(uploads.map(({ code }) => code)).toEqual(['image-not-found', 'image-not-found']);
    });
  });

  it('makes what the store lost while the server ran, original and variant', async () => {
    const running = await start();
    await ask('/picture.jpg');
    await running.settle();
    for (const path of await filesBelow(join(dataDir, 'objects'))) await unlink(path);

    const original = await ask('/picture.jpg', ORIGINAL);
    const size = await ask('/picture.jpg', { w: '75' });

    expect(original.body.equals(picture)).toBe(true);
    expect((await sharp(size.body).metadata()).width).toBe(75);
    expect(origin.requests('/picture.jpg')).toBe(2);
  });

  describe('with READ_ONLY=on', () => {
    let id: string;

    beforeEach(async () => {
      await start();
      id = await upload();
      await read(`/api/images/${id}?w=60`);
      await ask('/picture.jpg');
      await restart({ READ_ONLY: 'on' });
    });

    it('serves what is stored, refuses uploads and deletes, and leaves the folder as it is', async () => {
      const before = await fingerprint(dataDir);

      const stored = [await ask('/picture.jpg'), await read(`/api/images/${id}?w=60`)];
      const made = await ask('/picture.jpg', { w: '90' });
      const original = await read(`/api/images/${id}?format=original`);
      const metadata = await read(`/api/images/${id}/metadata`);
      const created = await read('/api/images', {
        method: 'POST',
        body: new Uint8Array(picture),
        headers: { 'content-type': 'image/jpeg' },
      });
      const removed = await read(`/api/images/${id}`, { method: 'DELETE' });
      await stop();

      expect(stored.map(({ cacheStatus }) => cacheStatus)).toEqual([FROM_STORE, FROM_STORE]);
      expect([made.status, original.status, metadata.status]).toEqual([200, 200, 200]);
      expect([created.status, created.code]).toEqual([403, 'read-only']);
      expect([removed.status, removed.code]).toEqual([403, 'read-only']);
      expect(await fingerprint(dataDir)).toEqual(before);
    });

    it('serves small pictures that are not stored, also a second time', async () => {
      origin.serve('/new.jpg', picture, { 'cache-control': 'max-age=600' });

      const answers = [
        await ask('/new.jpg'),
        await ask('/new.jpg'),
        await ask('/new.jpg', { w: '61' }),
        await ask('/new.jpg', ORIGINAL),
      ];

      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    });

    it('says that a source is gone although it cannot forget it', async () => {
      origin.status('/picture.jpg', 404);
      app?.skip(30 * 86_400_000);

      const gone = await ask('/picture.jpg');

      expect([gone.status, gone.code]).toEqual([404, 'origin-not-found']);
    });
  });

  it('leaves no listener, no timer of its own and no byte account behind when it closes', async () => {
    const running = await start();
    await ask('/picture.jpg');
    await running.settle();
    const get = running.app.get.bind(running.app);
    const [bus, emitter, sampler, intervals, accounts] = [
      get(EventBus, { strict: false }),
      get(EventEmitter2, { strict: false }),
      get(MemorySampler, { strict: false }),
      get(Intervals, { strict: false }),
      get(ByteAccounts, { strict: false }),
    ];
    expect(bus.snapshot().listeners).toBeGreaterThan(EVENT_NAMES.length);

    await stop();

    expect(bus.snapshot().listeners).toBe(0);
    expect(EVENT_NAMES.map((name) => emitter.listenerCount(name))).toEqual(EVENT_NAMES.map(() => 0));
    expect(sampler.snapshot().listeners).toBe(0);
    expect(intervals.snapshot()).toEqual({});
    expect(accounts.snapshot().accounts).toEqual({});
  });
});
