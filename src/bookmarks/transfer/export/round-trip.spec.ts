import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import { FakeClock } from '../../../../test/support/fake-clock.js';
import { openTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { FIELD_SOURCES, LAYERED_FIELDS, type Bookmark } from '../../model/bookmark.js';
import type { BookmarkDraft } from '../../model/bookmark-store.js';
import { normaliseBookmarkUrl } from '../../normalise/normalise-bookmark-url.js';
import { allOf, openImports, type TestImports } from '../import/import.fixture.js';
import { gather } from '../readers/samples.fixture.js';
import type { ExportFormat } from '../writers/export-format.js';
import { ExportService } from './export.service.js';

const RUNS = 25;
/** 2026-01-01, where the fake clock begins. */
const NOW = Date.UTC(2026, 0, 1);

/** Words with everything that a format might trip over. */
const nasty = fc
  .array(
    fc.constantFrom(
      ...[
        'a',
        'Ünï',
        '日本',
        '😀',
        '<b>',
        '&amp;',
        '"',
        "'",
        "'=",
        '=1+1',
        '@x',
        '-',
        ',',
        ';',
        '</A>',
        '<DD>',
      ],
      ...[']]>', '\\', '{', 'TAGS="x"', '--', '<!--', '&#x3c;', '%', '|', '\u200d'],
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((words) => words.join(' '));
const text = nasty.map((words) => words.trim());
const lines = fc.array(text, { minLength: 1, maxLength: 3 }).map((all) => all.join('\n'));
const time = fc.integer({ min: 1_000_000_000, max: NOW / 1_000 - 86_400 }).map((seconds) => seconds * 1_000);
const orNull = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null });

const url = fc
  .tuple(
    fc.integer({ min: 1, max: 1_000_000 }),
    fc.constantFrom('', '?q=a&b="c"', "?x='<y>'", '/ü?=1', '#!/r'),
  )
  .map(([id, rest]) => `https://host-${id % 7}.example.org/${id}${rest}`);
const tag = fc.constantFrom(
  'plain',
  'two words',
  'Ünï & co',
  '<tag>',
  '"quoted"',
  '=formula',
  'toread',
  '日本',
  "it's",
);

const layers = fc.dictionary(
  fc.constantFrom(...LAYERED_FIELDS),
  fc.dictionary(fc.constantFrom(...FIELD_SOURCES), text, { minKeys: 1, noNullPrototype: true }),
  { noNullPrototype: true },
);
const candidate = fc.record(
  {
    url: fc.integer().map((id) => `https://cdn.example.org/${id}.png`),
    kind: fc.constantFrom('user' as const, 'page' as const, 'karakeep' as const),
    width: fc.nat(),
    height: fc.nat(),
    uploadId: fc.constant('abcdefghijklmnopqrstuv'),
  },
  { requiredKeys: ['url', 'kind'], noNullPrototype: true },
);

const draft: fc.Arbitrary<BookmarkDraft> = fc
  .record({
    url,
    note: fc.option(lines, { nil: undefined }),
    tags: fc.array(tag, { maxLength: 4 }),
    archived: fc.boolean(),
    favourite: fc.boolean(),
    createdAt: time,
    externalId: fc.option(fc.uuid(), { nil: undefined }),
    fields: layers,
    http: fc.record(
      {
        status: orNull(fc.integer({ min: 100, max: 599 })),
        checkedAt: orNull(time),
        failingSince: orNull(time),
        deadSince: orNull(time),
      },
      { noNullPrototype: true },
    ),
    enrichment: fc.record(
      {
        state: fc.constantFrom('pending' as const, 'done' as const, 'failed' as const, 'given-up' as const),
        attempts: fc.integer({ min: 0, max: 9 }),
        error: orNull(fc.constant('origin-timeout')),
        at: orNull(time),
        refreshAt: orNull(time),
      },
      { noNullPrototype: true },
    ),
    preview: fc.record(
      { candidates: fc.array(candidate, { maxLength: 3 }), chosen: orNull(candidate) },
      { noNullPrototype: true },
    ),
  })
  .map(({ url: given, note, externalId, ...rest }) => ({
    ...normaliseBookmarkUrl(given),
    source: 'user' as const,
    values: {},
    ...(note === undefined ? {} : { note }),
    ...(externalId === undefined ? {} : { externalId }),
    ...rest,
  }));
const drafts = fc.uniqueArray(draft, {
  minLength: 1,
  maxLength: 8,
  selector: ({ normalisedUrl }) => normalisedUrl,
});

/** What no other server can keep. */
const portable = ({
  id: _id,
  modifiedAt: _at,
  revision: _revision,
  changeSeq: _seq,
  ...rest
}: Bookmark): object => rest;

describe('bookmarks that are exported, deleted and imported again', () => {
  let test: TestDatabase;
  let imports: TestImports;
  let exports: ExportService;

  beforeAll(async () => {
    for (const level of ['log', 'warn', 'error'] as const)
      jest.spyOn(Logger.prototype, level).mockReturnValue(undefined);
    const clock = new FakeClock(NOW);
    test = await openTestDatabase({ clock });
    imports = await openImports({ database: test.database, clock, dataDir: test.dataDir });
    exports = new ExportService(imports.store, clock);
  });

  afterAll(async () => {
    await imports.process.stop();
    await test.close();
    jest.restoreAllMocks();
  });

  const exported = async (format: ExportFormat): Promise<string> => {
    const { pieces } = await exports.open(format, {}, 'https://example.org/');
    return (await gather(pieces)).join('');
  };
  const clear = async (): Promise<void> => {
    for (const { id } of await allOf(imports.store)) await imports.store.remove(id);
  };
  const byUrl = (all: readonly object[]): object[] =>
    [...all].sort((one, other) => JSON.stringify(one).localeCompare(JSON.stringify(other)));

  /** @returns the bookmarks before and after, what only one server can know left out */
  async function roundTrip(
    given: readonly BookmarkDraft[],
    format: ExportFormat,
  ): Promise<{ before: Bookmark[]; after: Bookmark[] }> {
    await clear();
    await imports.store.insert(given, 'keep');
    const before = await allOf(imports.store);
    const file = await exported(format);
    await clear();
    const { job } = await imports.run(file, { folders: 'tags' });
    expect(job).toMatchObject({
      state: 'done',
      result: { counts: { created: given.length, skipped: 0, failed: 0 } },
    });
    return { before, after: await allOf(imports.store) };
  }

  it('are the same by JSON lines: every layer, state, time and picture', async () => {
    await fc.assert(
      fc.asyncProperty(drafts, async (given) => {
        const { before, after } = await roundTrip(given, 'jsonl');

        expect(byUrl(after.map(portable))).toEqual(byUrl(before.map(portable)));
      }),
      { numRuns: RUNS, seed: 5 },
    );
  });

  const essence = ({
    url: address,
    title,
    description,
    note,
    tags,
    archived,
    favourite,
    createdAt,
  }: Bookmark): object => ({
    address,
    title: title === address ? null : title,
    description,
    note,
    tags,
    archived,
    favourite,
    createdAt,
  });

  it.each(['netscape', 'csv'] as const)('keep what %s has room for', async (format) => {
    await fc.assert(
      fc.asyncProperty(drafts, async (given) => {
        const { before, after } = await roundTrip(given, format);

        expect(byUrl(after.map(essence))).toEqual(byUrl(before.map(essence)));
      }),
      { numRuns: RUNS, seed: 5 },
    );
  });
});
