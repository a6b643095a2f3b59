import { createReadStream, writeSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SystemClock } from '../clock/index.js';
import { nameOf, ObjectPaths } from './object-paths.js';
import type { ObjectKey } from './object-store.js';
import { bytesOf, openStore } from './store.fixture.js';

/** Synchronous: what was said before a kill has been said. */
const say = (line: string): void => void writeSync(1, `${line}\n`);

/** Writes durable uploads and other objects for ever, and says what was acknowledged, until it is killed. */
async function writeUntilKilled(dataDir: string, round: string): Promise<void> {
  const store = await openStore({ dataDir, clock: new SystemClock(), maxBytes: 4 * 1024 ** 2 });
  say('ready');
  let count = 0;
  const writer = async (lane: number): Promise<void> => {
    for (;;) {
      const version = ++count;
      const size = 1 + ((version * 7919) % 60_000);
      // Some keys are written once, some again and again.
      const key: ObjectKey = version % 3 === 0 ? `uploads/again-${lane}` : `uploads/${round}-${version}`;
      const bytes = bytesOf(key, version, size);
      const options = { contentType: 'image/jpeg', durable: true, attributes: { version } };
      say(`begin ${key} ${version} ${size}`);
      if (version % 2 === 0) await store.put(key, bytes, options);
      else {
        const spool = await store.createSpool();
        await pipeline(
          Readable.from([bytes.subarray(0, size >> 1), bytes.subarray(size >> 1)]),
          spool.writable,
        );
        await store.commit(spool, key, options);
      }
      say(`done ${key} ${version} ${size}`);
      await store.put(`variants/${version % 200}`, bytes, {
        contentType: 'image/webp',
        attributes: { version },
      });
    }
  };
  await Promise.all([0, 1, 2, 3].map(writer));
}

/** Takes an upload when told by a line on standard input. */
async function upload(dataDir: string, size: number): Promise<void> {
  const store = await openStore({ dataDir, clock: new SystemClock() });
  const orders = process.stdin[Symbol.asyncIterator]();
  const spool = await store.createSpool();
  say('ready');
  await orders.next();
  // Chunks of their own, as a socket gives them.
  await pipeline(createReadStream('/dev/urandom', { end: size - 1, highWaterMark: 65_536 }), spool.writable);
  await store.commit(spool, 'uploads/large', { contentType: 'image/jpeg', durable: true });
  say('done');
  await orders.next();
  await store.onApplicationShutdown();
  process.exit(0);
}

/** Reads it back when told, in a process that has yet to verify the checksum. */
async function readBack(dataDir: string, size: number): Promise<void> {
  const store = await openStore({ dataDir, clock: new SystemClock() });
  const orders = process.stdin[Symbol.asyncIterator]();
  say('ready');
  await orders.next();
  const opened = await store.openRead('uploads/large');
  let bytes = 0;
  for await (const chunk of opened?.stream ?? Readable.from([])) bytes += (chunk as Buffer).byteLength;
  say(bytes === size ? 'done' : `read ${bytes} bytes`);
  await orders.next();
  await store.onApplicationShutdown();
  process.exit(0);
}

/** Prints CPU and time of one put in microseconds, beside one plain write of the same bytes. */
async function measure(dataDir: string): Promise<void> {
  const store = await openStore({ dataDir, clock: new SystemClock() });
  const timed = async (
    label: string,
    count: number,
    lanes: number,
    act: (n: number) => Promise<unknown>,
  ): Promise<void> => {
    let next = 0;
    const before = process.cpuUsage();
    const startedAt = performance.now();
    const lane = async (): Promise<void> => {
      while (next < count) await act(next++);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    const wall = Math.round(((performance.now() - startedAt) * 1000) / count);
    const { user, system } = process.cpuUsage(before);
    const [userUs, systemUs] = [Math.round(user / count), Math.round(system / count)];
    say(
      `${label.padEnd(44)} cpu ${userUs + systemUs} us (user ${userUs}, system ${systemUs}), wall ${wall} us`,
    );
  };
  for (const [kind, size, count] of [
    ['variants', 30_000, 2000],
    ['originals', 500_000, 300],
  ] as const) {
    const bytes = bytesOf(kind, size, size);
    const options = { contentType: 'image/jpeg', attributes: { width: 640, height: 480 } };
    for (const lanes of [1, 8]) {
      const keyOf = (shard: string, n: number): ObjectKey => `${kind}/${size}-${lanes}-${shard}-${n}`;
      const label = `${size} bytes, ${lanes} at once`;
      await mkdir(`${dataDir}/plain-${size}-${lanes}`);
      // Nothing is deleted between the rounds: ext4 walks past inodes freed in the last seconds, which costs more than the write.
      for (let n = 0; n < count; n++) {
        const name = nameOf(keyOf('known', n));
        if (name !== null) await mkdir(new ObjectPaths(dataDir).shards(name)[1], { recursive: true });
      }
      await timed(`${label}: fs.promises.writeFile`, count, lanes, (n) =>
        writeFile(`${dataDir}/plain-${size}-${lanes}/${n}`, bytes),
      );
      await timed(`${label}: put, shard is new`, count, lanes, (n) =>
        store.put(keyOf('new', n), bytes, options),
      );
      await timed(`${label}: put, shard is there`, count, lanes, (n) =>
        store.put(keyOf('known', n), bytes, options),
      );
      await timed(`${label}: read`, count, lanes, (n) => store.read(keyOf('known', n)));
    }
  }
  await store.onApplicationShutdown();
}

const [mode, dataDir = '', argument = ''] = process.argv.slice(2);
if (mode === 'write-until-killed') await writeUntilKilled(dataDir, argument);
if (mode === 'upload') await upload(dataDir, Number(argument));
if (mode === 'read-back') await readBack(dataDir, Number(argument));
if (mode === 'measure') await measure(dataDir);
