import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { FileChecksum, sha256Of } from './checksum.js';
import type { Damage, DamagedObjects } from './damaged-objects.js';
import type { ObjectId, ObjectName } from './object-paths.js';
import { infoOf, type ObjectRecord } from './object-record.js';
import type { ByteRange, LocalObject, ObjectInfo, OpenObject } from './object-store.js';
import { ObjectStream } from './object-stream.js';
import { isMissing, storageUnavailable } from './storage-error.js';
import type { StoreParts } from './store-parts.js';

/** A reader that meets a new generation this often in a row gives up. */
const MAX_ATTEMPTS = 8;

/** Tried again because a writer replaced the object between its record and its data. */
const REPLACED = Symbol('replaced');

/** Everything that gives bytes out: verified, or not at all. */
export class ObjectReader {
  private readonly checksum: FileChecksum;
  private readonly streams = new Set<Readable>();

  constructor(
    private readonly parts: StoreParts,
    private readonly damaged: DamagedObjects,
  ) {
    this.checksum = new FileChecksum(parts.disk);
  }

  get openStreams(): number {
    return this.streams.size;
  }

  /** Ends the streams that are still open, with an error for whoever reads them; resolves when their files are closed. */
  async close(): Promise<void> {
    const open = [...this.streams];
    for (const stream of open) stream.destroy(storageUnavailable('it is closing'));
    await Promise.all(open.map((stream) => finished(stream).catch(() => undefined)));
  }

  /** The record, from memory when it is there. */
  async find(id: ObjectId): Promise<ObjectRecord | null> {
    const { catalogue, records, root } = this.parts;
    const cached = catalogue.records.get(id.hash);
    if (cached !== undefined) return cached;
    if (catalogue.knownMissing(id)) return null;
    const ticket = catalogue.records.ticket(id.hash);
    const indexed = catalogue.index.get(id.hash)?.generation;
    const found = await records.read(id);
    switch (found.state) {
      case 'ok':
        catalogue.records.fill(id.hash, found.record, ticket);
        return found.record;
      case 'missing':
        await root.assertPresent();
        if (indexed !== undefined) catalogue.forget(id, indexed);
        return null;
      case 'newer':
        return (await this.damaged.drop(id, null, 'record of a newer version')) ? null : this.find(id);
      case 'corrupt':
        return (await this.damaged.drop(id, null, 'unreadable record')) ? null : this.find(id);
    }
  }

  async head(name: ObjectName): Promise<ObjectInfo | null> {
    const record = await this.find(name);
    return record === null ? null : infoOf(record);
  }

  read(name: ObjectName): Promise<{ readonly info: ObjectInfo; readonly bytes: Buffer } | null> {
    return this.attempt(name, async (record) => {
      const fd = await this.open(name, record);
      if (typeof fd !== 'number') return fd;
      const bytes = Buffer.allocUnsafeSlow(record.bytes);
      let whole: boolean;
      try {
        whole = await this.fill(fd, bytes);
      } finally {
        await this.parts.disk.close(fd);
      }
      if (!whole) return this.drop(name, record, 'wrong length');
      if ((await sha256Of(bytes)) !== record.sha256) return this.drop(name, record, 'wrong checksum');
      this.parts.catalogue.verified.add(record.generation);
      await this.use(name, record);
      return { info: infoOf(record), bytes };
    });
  }

  openRead(name: ObjectName, range?: ByteRange): Promise<OpenObject | null> {
    return this.attempt(name, async (record) => {
      const { start, lengthBytes } = partOf(record, range);
      const fd = await this.openVerified(name, record);
      if (typeof fd !== 'number') return fd;
      await this.use(name, record);
      return { info: infoOf(record), stream: this.stream(fd, start, lengthBytes) };
    });
  }

  openLocal(name: ObjectName): Promise<LocalObject | null> {
    const { catalogue, disk, paths, pins } = this.parts;
    return this.attempt(name, async (record) => {
      const path = paths.data(name, record.generation);
      const release = pins.hold(record.generation);
      let held = false;
      try {
        if (catalogue.verified.has(record.generation)) {
          // Verified before: one system call instead of three.
          const stats = await disk.stat(path).catch((error: unknown) => this.onMissing(name, record, error));
          if (stats === null || stats === REPLACED) return stats;
          if (stats.size !== record.bytes) return await this.drop(name, record, 'wrong length');
        } else {
          const fd = await this.openVerified(name, record);
          if (typeof fd !== 'number') return fd;
          await disk.close(fd);
        }
        await this.use(name, record);
        held = true;
        return { info: infoOf(record), path, release };
      } finally {
        if (!held) release();
      }
    });
  }

  /** Runs `use` on the current record, again when a writer replaced the object under it. */
  private async attempt<T>(
    id: ObjectId,
    use: (record: ObjectRecord) => Promise<T | null | typeof REPLACED>,
  ): Promise<T | null> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const record = await this.find(id);
      if (record === null) return null;
      const result = await use(record);
      if (result !== REPLACED) return result;
    }
    throw storageUnavailable('an object is replaced faster than it can be read');
  }

  /** An open descriptor of bytes whose length and checksum are right; the caller closes it. */
  private async openVerified(id: ObjectId, record: ObjectRecord): Promise<number | null | typeof REPLACED> {
    const { catalogue, disk } = this.parts;
    const fd = await this.open(id, record);
    if (typeof fd !== 'number') return fd;
    let damage: Damage | null = null;
    let failed = true;
    try {
      const stats = await disk.fstat(fd);
      if (!stats.isFile() || stats.size !== record.bytes) damage = 'wrong length';
      else if (!catalogue.verified.has(record.generation)) {
        if ((await this.checksum.of(fd, record.bytes)) === record.sha256)
          catalogue.verified.add(record.generation);
        else damage = 'wrong checksum';
      }
      failed = damage !== null;
    } finally {
      if (failed) await disk.close(fd);
    }
    return damage === null ? fd : this.drop(id, record, damage);
  }

  private open(id: ObjectId, record: ObjectRecord): Promise<number | null | typeof REPLACED> {
    return this.parts.disk
      .open(this.parts.paths.data(id, record.generation), 'r')
      .catch((error: unknown) => this.onMissing(id, record, error));
  }

  /** A data file that is not there: was it replaced, removed, or lost? */
  private async onMissing(
    id: ObjectId,
    record: ObjectRecord,
    error: unknown,
  ): Promise<null | typeof REPLACED> {
    if (!isMissing(error)) throw error;
    const { catalogue, records, root } = this.parts;
    await root.assertPresent();
    const found = await records.read(id);
    const sameStill = found.state === 'ok' && found.record.generation === record.generation;
    if (sameStill) return this.drop(id, record, 'missing data');
    if (catalogue.records.get(id.hash)?.generation === record.generation) catalogue.records.delete(id.hash);
    return REPLACED;
  }

  private async drop(id: ObjectId, record: ObjectRecord, damage: Damage): Promise<null | typeof REPLACED> {
    return (await this.damaged.drop(id, record.generation, damage)) ? null : REPLACED;
  }

  /** Reads exactly the buffer's length; `false` when the file is shorter or longer. */
  private async fill(fd: number, bytes: Buffer): Promise<boolean> {
    const { disk } = this.parts;
    const beyond = Buffer.allocUnsafeSlow(1);
    const count = await disk.readv(fd, bytes.byteLength > 0 ? [bytes, beyond] : [beyond], 0);
    if (count >= bytes.byteLength) return count === bytes.byteLength;
    // The system may stop early in a long read; go on where it stopped.
    const rest = bytes.subarray(count);
    if ((await disk.read(fd, rest, rest.byteLength, count)) < rest.byteLength) return false;
    return (await disk.read(fd, beyond, 1, bytes.byteLength)) === 0;
  }

  private stream(fd: number, start: number, lengthBytes: number): Readable {
    const stream = new ObjectStream(this.parts.disk, fd, start, lengthBytes, this.parts.garbage, () => {
      this.streams.delete(stream);
    });
    this.streams.add(stream);
    return stream;
  }

  /** Last use in memory at once, on disk now and then; failing to note it harms nobody. */
  private async use(id: ObjectId, record: ObjectRecord): Promise<void> {
    const { catalogue, clock, disk, paths, readOnly } = this.parts;
    if (!catalogue.used(id, record) || readOnly) return;
    await disk.utimes(paths.data(id, record.generation), clock.now() / 1000).catch(() => undefined);
  }
}

function partOf(record: ObjectRecord, range: ByteRange | undefined): { start: number; lengthBytes: number } {
  if (range === undefined) return { start: 0, lengthBytes: record.bytes };
  const end = Math.min(range.end, record.bytes - 1);
  if (!Number.isSafeInteger(range.start) || range.start < 0 || !(range.start <= end)) {
    throw new RangeError(
      `The range ${range.start} to ${range.end} holds none of the object's ${record.bytes} bytes.`,
    );
  }
  return { start: range.start, lengthBytes: Math.trunc(end) - range.start + 1 };
}
