import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FakeClock } from '../../../../test/support/fake-clock.js';
import { openTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { AbortedError } from '../../../errors/index.js';
import { sample } from '../readers/samples.fixture.js';
import { openImports, OPTIONS, receiving, type ImportRooms, type TestImports } from './import.fixture.js';
import { receiveImport } from './receive-import.js';

const NEVER = new AbortController().signal;

describe('ImportService', () => {
  let clock: FakeClock;
  let test: TestDatabase;
  let imports: TestImports;
  const opened: TestImports[] = [];

  const open = async (more: Partial<ImportRooms> = {}): Promise<TestImports> => {
    const next = await openImports({ database: test.database, clock, dataDir: test.dataDir, ...more });
    opened.push(next);
    return next;
  };
  const jobCount = async (): Promise<number> =>
    (await test.database.queries.selectFrom('jobs').select('id').execute()).length;

  beforeEach(async () => {
    for (const level of ['log', 'warn', 'error'] as const)
      jest.spyOn(Logger.prototype, level).mockReturnValue(undefined);
    clock = new FakeClock();
    test = await openTestDatabase({ clock });
    imports = await open();
  });

  afterEach(async () => {
    for (const each of opened.splice(0)) await each.process.stop();
    await test.close();
    jest.restoreAllMocks();
  });

  it('acknowledges a file once it is on disk and its job in the queue', async () => {
    imports.process.queue.pause('test');

    const started = await imports.service.start(receiving(sample('pinboard.html')), OPTIONS);

    expect(started).toMatchObject({ format: 'netscape', bytes: sample('pinboard.html').length });
    expect(await imports.folder()).toEqual([`${started.importId}.import`]);
    expect(await imports.process.queue.find(started.operationId)).toMatchObject({
      kind: 'import',
      state: 'waiting',
    });
  });

  it.each<[string, Buffer | string]>([
    ['is empty', ''],
    ['is binary', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')],
    ['is something else', 'Dear reader\n'],
  ])('refuses a file that %s and leaves nothing behind', async (_what, bytes) => {
    await expect(imports.service.start(receiving(bytes), OPTIONS)).rejects.toMatchObject({
      code: 'unreadable-import',
    });

    expect(await imports.folder()).toEqual([]);
    expect(await jobCount()).toBe(0);
  });

  it('leaves nothing behind when the client leaves in the middle', async () => {
    const receive = async (sink: NodeJS.WritableStream): Promise<void> => {
      sink.write('<!DOCTYPE NETSCAPE-Bookmark-file-1>');
      await new Promise((resolve) => void setImmediate(resolve));
      throw new AbortedError('The client left during the upload.');
    };

    await expect(imports.service.start(receive, OPTIONS)).rejects.toBeInstanceOf(AbortedError);

    expect(await imports.folder()).toEqual([]);
    expect(await jobCount()).toBe(0);
  });

  it('says that the disk is full, without its path, and leaves nothing behind', async () => {
    const receive = (): Promise<void> =>
      Promise.reject(
        Object.assign(new Error('ENOSPC: no space left, write /secret/path'), { code: 'ENOSPC' }),
      );

    await expect(imports.service.start(receive, OPTIONS)).rejects.toMatchObject({
      code: 'storage-unavailable',
      message: 'The disk for imports is full.',
    });
    expect(await imports.folder()).toEqual([]);
  });

  it('leaves nothing behind when the job cannot be enqueued', async () => {
    jest.spyOn(imports.process.queue, 'enqueue').mockRejectedValueOnce(new Error('database gone'));

    await expect(imports.service.start(receiving('https://example.org/\n'), OPTIONS)).rejects.toThrow(
      'database gone',
    );
    expect(await imports.folder()).toEqual([]);
  });

  it('takes nothing when it runs read-only, but tells what an import would do', async () => {
    const readOnly = await open({ env: { READ_ONLY: 'true' } });

    await expect(readOnly.service.start(receiving('https://example.org/\n'), OPTIONS)).rejects.toMatchObject({
      code: 'read-only',
    });
    await expect(
      readOnly.service.dryRun(receiving('https://example.org/\n'), OPTIONS, NEVER),
    ).resolves.toMatchObject({
      counts: { new: 1 },
    });
    expect(await readOnly.folder()).toEqual([]);
  });

  describe('asked for a dry run', () => {
    it('counts what is new and known, names what would be skipped, and writes nothing', async () => {
      await imports.run('https://example.org/unread\n');
      const files = await imports.folder();

      const report = await imports.service.dryRun(receiving(sample('linkding.html')), OPTIONS, NEVER);
      const other = await imports.service.dryRun(receiving(sample('shaarli-old.html')), OPTIONS, NEVER);

      expect(report).toEqual({
        dryRun: true,
        format: 'netscape',
        counts: { new: 1, known: 1, skipped: 0, failed: 0 },
        problems: [],
      });
      expect(other.problems).toEqual([expect.objectContaining({ ordinal: 1, reason: 'relative-url' })]);
      expect(await imports.folder()).toEqual(files);
      expect(await imports.store.count({})).toBe(1);
    });

    it('names a hundred problems and counts the rest', async () => {
      const lines = `https://example.org/\n${'mailto:x@example.org\n'.repeat(500)}`;

      const report = await imports.service.dryRun(receiving(lines), OPTIONS, NEVER);

      expect(report.problems).toHaveLength(100);
      expect(report.counts).toMatchObject({ skipped: 500, 'skipped.unsupported-scheme': 500 });
    });

    it('refuses what it cannot read, and lets the upload go', async () => {
      const body = new PassThrough();
      body.write(Buffer.alloc(200_000));
      const result = imports.service.dryRun((sink) => pipeline(body, sink), OPTIONS, NEVER);

      await expect(result).rejects.toMatchObject({ code: 'unreadable-import' });
      expect(body.destroyed).toBe(true);
    });

    it('passes on what was wrong with the upload', async () => {
      const body = Readable.from([Buffer.from('https://example.org/\n'.repeat(1_000))]);
      const result = imports.service.dryRun(
        (sink, onHints) => receiveImport(body, { 'content-type': 'text/plain' }, sink, 500, onHints, NEVER),
        OPTIONS,
        NEVER,
      );

      await expect(result).rejects.toMatchObject({ code: 'body-too-large' });
    });
  });
});
