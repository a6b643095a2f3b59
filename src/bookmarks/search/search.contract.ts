import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isPlimsollError } from '../../errors/index.js';
import { parseQuery } from './query/query-parser.js';
import { satisfies, searchCriteria } from './query/search-criteria.js';
import type { SearchEngineName, SearchSort } from './search-engine.js';
import type { SearchRooms } from './search.fixture.js';

const day = (text: string): number => Date.parse(`${text}T12:00:00Z`);

/** The same bookmarks and the same questions for every engine. */
export function describeSearch(engine: SearchEngineName, open: () => Promise<SearchRooms>): void {
  describe(`Search by ${engine}`, () => {
    let rooms: SearchRooms;
    let deadId: string;

    beforeAll(async () => {
      rooms = await open();
      const { save } = rooms;
      await save('typescript', {
        values: { title: 'The TypeScript Handbook', description: 'Types for JavaScript, step by step' },
        tags: ['Programming', 'Read later'],
        createdAt: day('2024-01-10'),
      });
      await save(
        'kernel',
        {
          values: {
            title: 'Linux kernel internals',
            description: 'How the scheduler and the memory manager work',
          },
          note: 'compare with the notes about docker containers',
          tags: ['linux'],
          createdAt: day('2024-02-10'),
          favourite: true,
        },
        'docs.kernel.org',
      );
      await save(
        'docker',
        {
          values: { title: 'Docker for beginners', description: 'Containers without tears' },
          tags: ['linux', 'containers'],
          createdAt: day('2024-03-10'),
          archived: true,
        },
        'docker.example.org',
      );
      await save('sensor', {
        values: { title: 'MPU6050 gyroscope wiring', description: 'A breakout board with the MPU6050' },
        tags: ['electronics'],
        createdAt: day('2023-06-01'),
      });
      await save('coffee', {
        values: { title: 'Café crème à Paris', description: 'Où boire un bon café' },
        createdAt: day('2022-05-05'),
      });
      await save('tokyo', {
        values: { title: '東京都の美術館', description: '静かな場所' },
        tags: ['旅行'],
        createdAt: day('2021-05-05'),
      });
      await save('york', {
        values: { title: 'A weekend in New York City', description: 'From York to new places' },
        tags: ['travel'],
        createdAt: day('2020-05-05'),
      });
      await save('minster', {
        values: { title: 'York Minster, a new guide', description: 'City of walls' },
        tags: ['travel'],
        createdAt: day('2019-05-05'),
      });
      await save('mention', {
        values: {
          title: 'Weekly links',
          description: 'Among others: a kernel of truth about linux and docker',
        },
        tags: ['links'],
        createdAt: day('2024-04-01'),
      });
      deadId = await save('gone', {
        values: { title: 'A page that is gone' },
        tags: ['links'],
        createdAt: day('2018-01-01'),
      });
      await rooms.rows.update(deadId, ({ http }) => ({
        http: { ...http, status: 404, deadSince: day('2024-05-01') },
      }));
      // One word in one field of each, the texts of one length.
      await save('zeppelin-in-description', {
        values: { title: 'Four plain words here', description: 'About a zeppelin once' },
        tags: ['airship'],
        createdAt: day('2016-05-01'),
      });
      await save(
        'zeppelin-in-host',
        {
          values: { title: 'Four plain words here', description: 'About a journey once' },
          tags: ['airship'],
          createdAt: day('2016-04-01'),
        },
        'zeppelin.example',
      );
      await save('zeppelin-in-tag', {
        values: { title: 'Four plain words here', description: 'About a journey once' },
        tags: ['zeppelin'],
        createdAt: day('2016-03-01'),
      });
      await save('zeppelin-in-title', {
        values: { title: 'Four zeppelin words here', description: 'About a journey once' },
        tags: ['airship'],
        createdAt: day('2016-02-01'),
      });
      await save('zeppelin-in-title-of-old', {
        values: { title: 'Four zeppelin words here', description: 'About a journey once' },
        tags: ['airship'],
        createdAt: day('2016-01-01'),
      });
      await save('zepp', {
        values: { title: 'Four zepp words here', description: 'About a journey once' },
        tags: ['airship'],
        createdAt: day('2015-01-01'),
      });
      // Fallback text and quotes that a search language might take for its own.
      await save('syntax', {
        values: { title: `It's "quoted" OR NOT (near) * : ^ \\ it` },
        createdAt: day('2017-01-01'),
      });
      await rooms.databaseIndex.followToEnd();
      if (engine === 'memory') await rooms.buildMemoryIndex();
    }, 60_000);

    afterAll(async () => {
      await rooms.close();
    });

    it('answers by this engine', async () => {
      expect((await rooms.find('linux')).meta).toMatchObject({ engine });
    });

    it.each<readonly [string, string, readonly string[]]>([
      ['a word', 'handbook', ['typescript']],
      ['every word', 'linux docker', ['docker', 'kernel', 'mention']],
      ['words in any field', 'kernel org', ['kernel']],
      ['nothing when a word is nowhere', 'linux xyzzyq', []],
      ['whatever the case', 'LiNuX kernel', ['kernel', 'mention']],
      ['without accents', 'cafe creme', ['coffee']],
      ['with accents that the text lacks', 'hándböok', ['typescript']],
      ['the beginning of the last word', 'linux conta', ['docker', 'kernel']],
      ['only the last word by its beginning', 'conta linux', []],
      ['a letter left out', 'typescrpt', ['typescript']],
      ['two letters swapped', 'dcoker', ['docker', 'kernel', 'mention']],
      ['a wrong first letter', 'xernel', ['kernel', 'mention']],
      ['two typos in a long word', 'gyrosccoppe', ['sensor']],
      ['a typo beside a right word', 'linxu scheduler', ['kernel']],
      ['no typo in a short word', 'nwe', []],
      ['no typo in a number', '6051', []],
      ['the middle of a code', '6050', ['sensor']],
      ['a code whole', 'mpu6050', ['sensor']],
      ['a code with a hyphen', 'mpu-6050', ['sensor']],
      ['a word within capitals', 'script handbook', ['typescript']],
      ['a part of a host', 'kernel.org', ['kernel']],
      ['Japanese by two characters', '美術', ['tokyo']],
      ['Japanese by one character', '京', ['tokyo']],
      ['Japanese by more characters, in their order', '東京都', ['tokyo']],
      ['no Japanese in another order', '都東京', []],
      ['a Japanese tag', '旅行', ['tokyo']],
      ['a phrase', '"new york"', ['york']],
      ['a phrase across punctuation', '"york minster a new"', ['minster']],
      ['a phrase and a word', '"new york" weekend', ['york']],
      ['no phrase across fields', '"city from"', []],
      ['no beginning within a phrase', '"new yor"', []],
      ['an excluded word', 'linux -docker', []],
      ['an excluded word of some', 'travel -minster', ['york']],
      ['an excluded phrase', 'york -"new york"', ['minster']],
      ['an excluded word that is part of a code', 'board -6050', []],
      ['a tag', 'tag:linux kernel', ['kernel']],
      ['a tag of two words', 'tag:"read later" handbook', ['typescript']],
      ['a tag whatever its case', 'tag:PROGRAMMING handbook', ['typescript']],
      ['an excluded tag', 'linux -tag:containers', ['kernel', 'mention']],
      ['a site', 'site:kernel.org linux', ['kernel']],
      ['a site with its subdomain', 'site:docs.kernel.org linux', ['kernel']],
      ['no site by half of its name', 'site:ernel.org linux', []],
      ['an excluded site', 'linux -site:example.com', ['kernel', 'docker']],
      ['archived ones', 'is:archived docker', ['docker']],
      ['not archived ones', '-is:archived docker', ['kernel', 'mention']],
      ['favourites', 'is:favourite linux', ['kernel']],
      ['dead ones', 'is:dead page', ['gone']],
      ['untagged ones', 'is:untagged cafe', ['coffee']],
      ['those before a year', 'york before:2020', ['minster']],
      ['those after a year, from its beginning', 'york after:2020', ['york']],
      ['those of a month', 'linux after:2024-03 before:2024-04', ['docker']],
      ['those before a day', 'linux before:2024-03-10', ['kernel']],
      ['an unknown operator as words', 'york:minster', ['minster']],
      ['a date that is none as words', 'york before:someday', []],
      ['signs as nothing', 'handbook !!! ((( *', ['typescript']],
      ['quotes and operators of other languages as words', `it's "quoted" or not near it`, ['syntax']],
      [
        'an exclusion without a word',
        '-is:archived -tag:linux -tag:links after:2021',
        ['typescript', 'sensor', 'coffee', 'tokyo'],
      ],
      [
        'an excluded word alone',
        '-york -docker -kernel after:2018-01-02',
        ['typescript', 'sensor', 'coffee', 'tokyo'],
      ],
    ])('finds %s: %s', async (_what, text, expected) => {
      const found = await rooms.paths(text);

      expect([...found].sort()).toEqual([...expected].sort());
    });

    it.each<readonly [string, string, readonly string[]]>([
      ['a title before a description', 'kernel', ['kernel', 'mention']],
      ['a title before a note', 'docker', ['docker', 'kernel', 'mention']],
      ['without words the newest', 'tag:linux', ['docker', 'kernel']],
      ['exclusions alone the newest', '-tag:linux after:2023', ['mention', 'typescript', 'sensor']],
    ])('ranks %s: %s', async (_what, text, expected) => {
      const [first, ...rest] = await rooms.paths(text);

      expect(first).toBe(expected[0]);
      expect(rest.sort()).toEqual(expected.slice(1).sort());
    });

    it.each<readonly [string, string, readonly string[]]>([
      [
        'by field, then the newest',
        'zeppelin',
        ['in-title', 'in-title-of-old', 'in-tag', 'in-host', 'in-description'],
      ],
      [
        'by field with a typo, too',
        'zepelin',
        ['in-title', 'in-title-of-old', 'in-tag', 'in-host', 'in-description'],
      ],
      [
        'those of a period in the same order',
        'zeppelin after:2016-02 before:2016-05',
        ['in-title', 'in-tag', 'in-host'],
      ],
    ])('orders %s', async (_what, text, expected) => {
      expect(await rooms.paths(text)).toEqual(expected.map((where) => `zeppelin-${where}`));
    });

    it('orders a whole word before a longer one that begins so', async () => {
      const found = await rooms.paths('zepp');

      expect(found[0]).toBe('zepp');
      expect(found).toHaveLength(6);
    });

    it.each<readonly ['createdAt' | '-createdAt' | '-title' | 'title', readonly string[]]>([
      ['createdAt', ['kernel', 'docker', 'mention']],
      ['-createdAt', ['mention', 'docker', 'kernel']],
      ['title', ['docker', 'kernel', 'mention']],
      ['-title', ['mention', 'kernel', 'docker']],
    ])('sorts by %s when asked to', async (sort, expected) => {
      expect(await rooms.paths('linux', { sort })).toEqual(expected);
    });

    it('joins the filter with the text', async () => {
      expect(await rooms.paths('linux', { filter: { archived: false, favourite: true } })).toEqual([
        'kernel',
      ]);
      expect(await rooms.paths('linux', { filter: { tags: ['Containers'] } })).toEqual(['docker']);
      expect(await rooms.paths('linux', { filter: { host: 'example.org' } })).toEqual(['docker']);
      expect(await rooms.paths('linux', { filter: { enrichment: 'done' } })).toEqual([]);
    });

    it('shows where it matched, as text and ranges', async () => {
      const { hits } = await rooms.find('kernl schedul');
      const shown = hits[0]?.highlights.map(({ field, text, ranges }) => [
        field,
        ranges.map(([start, end]) => text.slice(start, end)),
      ]);

      expect(shown).toEqual([
        ['title', ['kernel']],
        ['host', ['kernel']],
        ['description', ['scheduler']],
      ]);
    });

    it.each<SearchSort>([
      'relevance',
      'createdAt',
      '-createdAt',
      'modifiedAt',
      '-modifiedAt',
      'title',
      '-title',
    ])('pages through all hits by %s, each once, in the order of one large page', async (sort) => {
      const whole = await rooms.paths('a', { limit: 100, sort });
      const paged: string[] = [];
      let cursor: string | undefined;
      do {
        const { hits, nextCursor } = await rooms.find('a', {
          limit: 2,
          sort,
          ...(cursor === undefined ? {} : { cursor }),
        });
        paged.push(...hits.map(({ bookmark }) => new URL(bookmark.url).pathname.slice(1)));
        cursor = nextCursor ?? undefined;
      } while (cursor !== undefined);

      expect(whole.length).toBeGreaterThan(4);
      expect(paged).toEqual(whole);
    });

    it('pages through what only operators choose', async () => {
      expect(await rooms.paths('is:archived -xyz')).toEqual(['docker']);
    });

    it('pages through phrases, which only the text decides', async () => {
      const { hits, nextCursor } = await rooms.find('travel -"no such phrase"', { limit: 1 });
      const second = await rooms.find('travel -"no such phrase"', { limit: 1, cursor: nextCursor ?? '' });

      expect([...hits, ...second.hits].map(({ bookmark }) => bookmark.title)).toEqual(
        expect.arrayContaining(['A weekend in New York City', 'York Minster, a new guide']),
      );
    });

    it('counts the hits when it knows them', async () => {
      expect((await rooms.find('linux', { limit: 1 })).meta.total).toBe(3);
      expect((await rooms.find('"new york"')).meta.total).toBe(1);
    });

    it.each([
      ['of another text', 'linux', 'docker'],
      ['of a list', 'tag:travel', 'linux'],
    ])('refuses a cursor %s', async (_what, of, text) => {
      const { nextCursor } = await rooms.find(of, { limit: 1 });

      await expect(rooms.find(text, { cursor: nextCursor ?? '' })).rejects.toMatchObject({
        code: 'invalid-cursor',
      });
    });

    it.each(['', 'x', '!', 'W10', 'bm9wZQ', 'a'.repeat(5_000)])(
      'refuses a cursor that is none: %#',
      async (cursor) => {
        await expect(rooms.find('linux', { cursor })).rejects.toMatchObject({ code: 'invalid-cursor' });
      },
    );

    it('follows a change, a new bookmark and a deletion at once', async () => {
      const id = await rooms.save('fresh', { values: { title: 'Quokka portraits' }, tags: ['animals'] });
      const created = await rooms.paths('quokka');
      await rooms.rows.update(id, () => ({
        values: { source: 'user', fields: { title: 'Wombat portraits' } },
      }));
      const changed = [await rooms.paths('quokka'), await rooms.paths('wombat')];
      await rooms.rows.update(id, () => ({ tags: ['marsupials'], archived: true }));
      const tagged = [
        await rooms.paths('tag:animals wombat'),
        await rooms.paths('tag:marsupials is:archived wombat'),
      ];
      await rooms.rows.remove(id);
      const removed = await rooms.paths('wombat');

      expect({ created, changed, tagged, removed }).toEqual({
        created: ['fresh'],
        changed: [[], ['fresh']],
        tagged: [[], ['fresh']],
        removed: [],
      });
    });

    it('follows a tag that is renamed', async () => {
      const id = await rooms.save('named', { values: { title: 'Numbat portraits' }, tags: ['oldname'] });
      const { tags } = await rooms.rows.tags({ prefix: 'oldname', limit: 1 });
      await rooms.rows.renameTag((tags[0] as { id: string }).id, 'newname');

      expect(await rooms.paths('numbat tag:newname')).toEqual(['named']);
      expect(await rooms.paths('numbat tag:oldname')).toEqual([]);
      await rooms.rows.remove(id);
    });

    it('gives out nothing that does not satisfy every operator', async () => {
      const atom = fc.constantFrom(
        ...[
          'linux',
          'kernel',
          'a',
          'new',
          'york',
          '"new york"',
          '"a"',
          '-docker',
          '-"new york"',
          'tag:linux',
          '-tag:linux',
        ],
        ...[
          'site:example.com',
          '-site:kernel.org',
          'is:archived',
          '-is:archived',
          'is:favourite',
          'is:untagged',
        ],
        ...[
          'before:2023',
          'after:2020-05',
          '-after:2024',
          'typescrpt',
          '東京',
          '-6050',
          'OR',
          'NOT',
          '*',
          '"',
          '-',
          ':',
        ],
      );
      let found = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(atom, { maxLength: 5 }), async (atoms) => {
          const text = atoms.join(' ');
          const { hits } = await rooms.find(text, { limit: 100 });
          const criteria = searchCriteria(parseQuery(text, rooms.clock.now()), {});
          for (const { bookmark, highlights } of hits) {
            found += 1;
            expect(satisfies(bookmark, criteria)).toBe(true);
            for (const { text: shown, ranges } of highlights) {
              expect(ranges.every(([start, end]) => start < end && end <= shown.length)).toBe(true);
            }
          }
        }),
        { numRuns: 150 },
      );
      expect(found).toBeGreaterThan(0);
    });

    const LINUX = ['docker', 'kernel', 'mention'];
    it.each<readonly [string, string, readonly string[]]>([
      ['an open quote', '"linux', LINUX],
      ['a quote within a word', 'li"nux', []],
      ['a star', 'linux*', LINUX],
      ['a caret', '^linux', LINUX],
      ['NEAR', 'NEAR(linux docker, 5)', []],
      ['a column filter', 'title : linux', []],
      ['a set of columns', '{title tags} : linux', []],
      ['a column left out', '-{title} linux', LINUX],
      ['AND', 'linux AND xyzzyq', []],
      ['a plus', 'linux + docker', LINUX],
      ['operators of tsquery', 'linux & !xyzzyq | docker', []],
      ['a distance of tsquery', 'linux <2> docker', []],
      ['a weight of tsquery', 'linux:*A', ['mention']],
      ['quotes of SQL', `linux'; drop table search_documents; --`, []],
      ['a backslash', 'linux \\', LINUX],
      ['a pattern', 'li_ux linux%', []],
      ['NUL', 'linux\0docker', LINUX],
      ['half a surrogate pair', 'linux\ud800docker', LINUX],
      ['the other half', '\udc00linux', LINUX],
      ['a mark of our own tokens', '\ue000any linux', []],
      ['one word two thousand times', 'linux '.repeat(2_000), LINUX],
      ['one operator a thousand times', `linux ${'-tag:none '.repeat(1_000)}`, LINUX],
      ['ten thousand letters', 'x'.repeat(10_000), []],
      ['ten thousand quotes within words', 'q"'.repeat(5_000), []],
      ['ten thousand brackets', `linux ${'('.repeat(10_000)}`, LINUX],
    ])('obeys nothing but its own operators: %s', async (_what, text, expected) => {
      expect([...(await rooms.paths(text))].sort()).toEqual(expected);
    });

    it('lists everything for quotes and signs alone', async () => {
      const { hits } = await rooms.find('"'.repeat(10_000), { limit: 100 });

      expect(hits).toHaveLength(await rooms.rows.count({}));
    });

    it('never fails for what is typed', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(
            fc.string({ unit: 'binary', maxLength: 80 }),
            fc.string({ unit: 'grapheme', maxLength: 80 }),
          ),
          async (text) => {
            await rooms.find(text, { limit: 3 }).catch((error: unknown) => {
              throw isPlimsollError(error) ? new Error(`${error.code}: ${String(error.cause)}`) : error;
            });
          },
        ),
        { numRuns: 150 },
      );
    });
  });
}
