import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { writeFile } from 'node:fs/promises';
import { FakeClock } from '../../../../test/support/fake-clock.js';
import { openTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { PlimsollError } from '../../../errors/index.js';
import type { JobGate } from '../../../jobs/index.js';
import { quiet } from '../../../../test/support/job-process.js';
import type { BookmarkStore } from '../../model/bookmark-store.js';
import { sample } from '../readers/samples.fixture.js';
import {
  allOf,
  openImports,
  OPTIONS,
  receiving,
  until,
  type ImportRooms,
  type TestImports,
} from './import.fixture.js';

const html = (count: number): string =>
  `<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<DL><p>\n${Array.from(
    { length: count },
    (_, index) =>
      `<DT><A HREF="https://example.org/${index}" ADD_DATE="17000${String(index).padStart(5, '0')}" TAGS="t${index % 7}">Title ${index}</A>\n`,
  ).join('')}</DL>`;

describe('an import', () => {
  let clock: FakeClock;
  let test: TestDatabase;
  let imports: TestImports;
  const opened: TestImports[] = [];

  const open = async (more: Partial<ImportRooms> = {}): Promise<TestImports> => {
    const next = await openImports({ database: test.database, clock, dataDir: test.dataDir, ...more });
    opened.push(next);
    return next;
  };

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

  it('brings links with titles, tags, folders and times', async () => {
    const { counts, job } = await imports.run(sample('chrome.html'));

    expect(job.state).toBe('done');
    expect(counts).toEqual({
      created: 4,
      merged: 0,
      unchanged: 0,
      skipped: 1,
      failed: 0,
      'skipped.unsupported-scheme': 1,
    });
    expect(await allOf(imports.store)).toEqual([
      expect.objectContaining({
        title: 'One & only <b>',
        tags: [],
        createdAt: 1_700_000_001_000,
        fields: { title: { import: 'One & only <b>' } },
      }),
      expect.objectContaining({ title: 'Two', tags: ['Work'] }),
      expect.objectContaining({ title: 'Three', tags: ['Deep deeper', 'Work'] }),
      expect.objectContaining({ title: 'Four' }),
    ]);
  });

  it('leaves folders aside when asked, and puts tags of its own on everything', async () => {
    await imports.run(sample('chrome.html'), { folders: 'ignore', tags: ['imported', 'IMPORTED'] });

    expect((await allOf(imports.store)).map(({ tags }) => tags)).toEqual(Array(4).fill(['imported']));
  });

  it('changes nothing when it is repeated', async () => {
    await imports.run(html(600));
    const before = await allOf(imports.store);

    const { counts } = await imports.run(html(600));

    expect(counts).toMatchObject({ created: 0, merged: 0, unchanged: 600 });
    expect(await allOf(imports.store)).toEqual(before);
  });

  it('merges a URL that stands in several folders: all tags, the earliest time', async () => {
    const { counts } = await imports.run(
      `<DL><DT><H3>One</H3><DL><DT><A HREF="https://example.org/x?utm_source=a" ADD_DATE="1700000005" TAGS="a">X</A></DL>` +
        `<DT><H3>Two</H3><DL><DT><A HREF="https://example.org/x/" ADD_DATE="1700000001" TAGS="b">Other</A><DD>told</DL></DL>`,
    );

    expect(counts).toMatchObject({ created: 1, merged: 1 });
    expect(await allOf(imports.store)).toEqual([
      expect.objectContaining({
        title: 'X',
        description: 'told',
        tags: ['a', 'b', 'One', 'Two'],
        createdAt: 1_700_000_001_000,
      }),
    ]);
  });

  it('reports what was skipped, cut or merged, with its place, and sums up', async () => {
    const { importId } = await imports.run(
      `<DL>\n<DT><A HREF="javascript:x()">Script</A>\n<DT><A HREF="https://user:pw@example.org/">Secret</A>\n` +
        `<DT><A HREF="https://example.org/">${'x'.repeat(2_000)}</A>\n<DT><A HREF="https://example.org/fine">Fine</A>\n</DL>`,
    );

    expect(await imports.reportOf(importId)).toEqual([
      {
        outcome: 'skipped',
        ordinal: 1,
        line: 2,
        reason: 'unsupported-scheme',
        url: 'javascript:x()',
        title: 'Script',
      },
      {
        outcome: 'skipped',
        ordinal: 2,
        line: 3,
        reason: 'invalid-url',
        url: 'https://user:pw@example.org/',
        title: 'Secret',
      },
      expect.objectContaining({ outcome: 'created', ordinal: 3, cut: ['title'] }),
      {
        summary: { format: 'netscape', counts: expect.objectContaining({ created: 2, skipped: 2, cut: 1 }) },
      },
    ]);
  });

  it('reports everything when asked', async () => {
    const { importId } = await imports.run(html(3), { verbose: true });

    expect((await imports.reportOf(importId)).map(({ outcome, ordinal }) => [outcome, ordinal])).toEqual([
      ['created', 1],
      ['created', 2],
      ['created', 3],
      [undefined, undefined],
    ]);
  });

  it('removes the uploaded file in the end and keeps the report', async () => {
    const { importId } = await imports.run(html(3));

    expect(await imports.folder()).toEqual([`${importId}.report.jsonl`]);
  });

  it.each([
    ['karakeep.json', { created: 2, skipped: 2 }],
    ['linkding-api.json', { created: 1, skipped: 1 }],
    ['pocket.csv', { created: 3, skipped: 0 }],
    ['raindrop.csv', { created: 2, skipped: 0 }],
    ['urls.txt', { created: 3, skipped: 2 }],
    ['own.jsonl', { created: 2, skipped: 3 }],
    ['utf-16.html', { created: 1, skipped: 0 }],
    ['windows-1252.html', { created: 1, skipped: 0 }],
  ])('reads %s', async (name, counts) => {
    expect((await imports.run(sample(name))).counts).toMatchObject(counts);
  });

  it('takes lists of Karakeep for folders though they stand behind the bookmarks', async () => {
    await imports.run(sample('karakeep.json'));

    expect((await allOf(imports.store)).map(({ tags }) => tags)).toEqual([
      ['Below', 'bookmarks', 'self-hosted', 'Top'],
      ['Circle', 'Top', 'x'],
    ]);
  });

  it('has every new bookmark enriched, behind what people create, and nothing twice', async () => {
    const enriching = await open({ env: { ENRICHMENT: 'on' } });
    await enriching.run(html(300));
    await enriching.run(html(300));

    const jobs = await test.database.queries
      .selectFrom('jobs')
      .selectAll()
      .where('kind', '=', 'enrich')
      .execute();

    expect(jobs).toHaveLength(300);
    expect(new Set(jobs.map(({ priority }) => priority))).toEqual(new Set([200]));
  });

  describe('that is killed', () => {
    const burials: (() => void)[] = [];

    afterEach(() => {
      for (const bury of burials.splice(0)) bury();
    });

    /** Ends the process at the given commit, before or after it. */
    const dyingAt =
      (commit: number, moment: 'before' | 'after', kill: () => void) =>
      (store: BookmarkStore): BookmarkStore => {
        let commits = 0;
        return Object.assign(Object.create(store) as BookmarkStore, {
          insert: async (...[drafts, rule, alongside]: Parameters<BookmarkStore['insert']>) => {
            commits += 1;
            if (commits !== commit) return store.insert(drafts, rule, alongside);
            if (moment === 'after') await store.insert(drafts, rule, alongside);
            else
              await store
                .insert(drafts, rule, async (queries, outcomes) => {
                  await alongside?.(queries, outcomes);
                  throw new Error('killed before the commit');
                })
                .catch(() => undefined);
            kill();
            // what a dead process still does reaches nobody, but its files are closed in the end
            return new Promise((_resolve, reject) => void burials.push(() => reject(new Error('dead'))));
          },
        });
      };

    it.each(
      [1, 2, 3, 4].flatMap((commit) =>
        (['before', 'after'] as const).map((moment) => [moment, commit] as const),
      ),
    )(
      '%s commit %i goes on where it was: nothing lost, nothing twice, each line of the report once',
      async (moment, commit) => {
        await imports.process.stop();
        opened.splice(0);
        let isDead = false;
        const first: TestImports = await open({
          wrap: dyingAt(commit, moment, () => {
            isDead = true;
            first.process.kill();
          }),
        });
        const body = `${html(700)}<DT><A HREF="about:blank">x</A>`;
        const { operationId, importId } = await first.service.start(receiving(body), {
          ...OPTIONS,
          verbose: true,
        });
        await until(() => isDead, 'the process died');
        opened.splice(0);

        const second = await open();
        const view = await second.finish(operationId);

        expect(view).toMatchObject({
          state: 'done',
          result: { counts: { created: 700, merged: 0, unchanged: 0, skipped: 1, failed: 0 } },
        });
        expect(await second.store.count({})).toBe(700);
        const report = await second.reportOf(importId);
        expect(report.slice(0, -1).map(({ ordinal }) => ordinal)).toEqual(
          Array.from({ length: 701 }, (_, index) => index + 1),
        );
      },
    );

    it('after its last commit says what it did, though the file is gone', async () => {
      const { operationId, importId } = await imports.service.start(receiving(html(5)), OPTIONS);
      const done = await imports.finish(operationId);
      await test.database.queries
        .updateTable('jobs')
        .set({ state: 'waiting', result: null, finished_at: null })
        .where('id', '=', operationId)
        .execute();
      const again = await open();
      const view = await again.finish(operationId, 500);

      expect(view.result).toEqual({ ...(done.result as object), importId });
    });
  });

  describe('while memory is short', () => {
    it('stands still between two chunks, and goes on when there is some', async () => {
      await imports.process.stop();
      opened.splice(0);
      const listeners = new Set<() => void>();
      let isOpen = false;
      const gate: JobGate = {
        mayStart: () => isOpen,
        onChange: (listener) => {
          listeners.add(listener);
          return () => void listeners.delete(listener);
        },
      };
      const paused = await open({ gate });
      const { operationId } = await paused.service.start(receiving(html(10)), OPTIONS);
      await until(() => listeners.size === 1, 'the import waits');
      await quiet();
      const before = await paused.store.count({});

      isOpen = true;
      for (const listener of listeners) listener();
      const view = await paused.finish(operationId);

      expect(before).toBe(0);
      expect(view.state).toBe('done');
      expect(await paused.store.count({})).toBe(10);
      expect(listeners.size).toBe(0);
    });

    it('makes room for others after a while, and loses no attempt by it', async () => {
      await imports.process.stop();
      opened.splice(0);
      let isOpen = false;
      let waits = 0;
      const gate: JobGate = {
        mayStart: () => isOpen,
        onChange: () => {
          waits += 1;
          return () => undefined;
        },
      };
      const paused = await open({ gate });
      const { operationId } = await paused.service.start(receiving(html(10)), OPTIONS);
      await until(() => waits === 1);
      await until(async () => {
        clock.advance(500);
        return (await paused.process.queue.find(operationId))?.state === 'waiting';
      }, 'it was postponed');
      isOpen = true;

      expect(await paused.finish(operationId, 500)).toMatchObject({ state: 'done', attempts: 1 });
    });
  });

  it('stops when it is cancelled, and keeps what was committed', async () => {
    await imports.process.stop();
    opened.splice(0);
    let commits = 0;
    const slow: TestImports = await open({
      wrap: (store) =>
        Object.assign(Object.create(store) as BookmarkStore, {
          insert: async (...parameters: Parameters<BookmarkStore['insert']>) => {
            const outcomes = await store.insert(...parameters);
            commits += 1;
            if (commits === 2) await slow.process.queue.cancel(operation);
            return outcomes;
          },
        }),
    });
    let operation = '';
    const resume = slow.process.queue.pause('until the id is known');
    operation = (await slow.service.start(receiving(html(2_000)), OPTIONS)).operationId;
    resume();

    const view = await slow.finish(operation);

    expect(view.state).toBe('cancelled');
    expect(commits).toBe(2);
    expect(await slow.store.count({})).toBe(view.progress?.done);
  });

  it('goes on without the one draft that the database refuses', async () => {
    await imports.process.stop();
    opened.splice(0);
    const picky = await open({
      wrap: (store) =>
        Object.assign(Object.create(store) as BookmarkStore, {
          insert: (...[drafts, ...rest]: Parameters<BookmarkStore['insert']>) =>
            drafts.some(({ url }) => url.endsWith('/13'))
              ? Promise.reject(new PlimsollError('invalid-body', 'refused'))
              : store.insert(drafts, ...rest),
        }),
    });

    const { counts, importId } = await picky.run(`${html(40)}<DT><A HREF="about:blank">x</A>`);

    expect(counts).toMatchObject({ created: 39, failed: 1, skipped: 1 });
    expect(await picky.reportOf(importId)).toContainEqual(
      expect.objectContaining({ outcome: 'failed', ordinal: 14, reason: 'refused-by-database' }),
    );
  });

  it('waits for a database that cannot be used, and is whole afterwards', async () => {
    await imports.process.stop();
    opened.splice(0);
    let failures = 2;
    const shaky = await open({
      wrap: (store) =>
        Object.assign(Object.create(store) as BookmarkStore, {
          insert: (...parameters: Parameters<BookmarkStore['insert']>) => {
            failures -= 1;
            return failures >= 0
              ? Promise.reject(new PlimsollError('database-unavailable', 'The disk is full.'))
              : store.insert(...parameters);
          },
        }),
    });
    const { operationId } = await shaky.service.start(receiving(html(300)), OPTIONS);

    expect(await shaky.finish(operationId, 500)).toMatchObject({
      state: 'done',
      result: { counts: { created: 300 } },
    });
  });

  it('ends with a clear word when its file is gone', async () => {
    const resume = imports.process.queue.pause('test');
    const { operationId, importId } = await imports.service.start(receiving(html(3)), OPTIONS);
    await imports.files.removeSource(importId);
    resume();

    expect(await imports.finish(operationId)).toMatchObject({
      state: 'failed',
      error: { code: 'unreadable-import', message: 'The uploaded file is no longer kept.' },
    });
  });

  it('prunes what was last written before a time', async () => {
    const { importId } = await imports.run(html(3));
    await writeFile(`${test.dataDir}/imports/left.part`, 'x');

    expect(await imports.files.prune(0)).toBe(0);
    expect(await imports.files.prune(Number.MAX_SAFE_INTEGER)).toBe(2);
    await expect(imports.service.report(importId)).rejects.toMatchObject({ code: 'operation-not-found' });
  });
});
