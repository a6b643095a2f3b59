import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CATALOGUE } from '../../src/config/index.js';
import { ERROR_CODES } from '../../src/errors/index.js';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

const PAGES = [
  ...readdirSync(ROOT).filter((file) => file.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
  'examples/README.md',
];

/** All code: a name in capitals that a page mentions is a setting, or stands somewhere in here. */
const CODE = ['src', 'bench', 'bin', 'test/support'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8')),
);

const isInCode = (name: string): boolean => CODE.some((source) => new RegExp(`\\b${name}\\b`).test(source));

/** Names that only examples use. */
const EXAMPLES = new Set(['YOUR_NAME', 'RLIMIT_DATA']);

const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .replace(/ /g, '-');

function brokenLinks(page: string, text: string): readonly string[] {
  const prose = text.replace(/```[\s\S]*?```/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? '')
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(ROOT, file))) return true;
      if (anchor === undefined) return false;
      return ![...read(file).matchAll(/^#+ (.+)$/gm)].some((match) => anchorOf(match[1] ?? '') === anchor);
    });
}

const unknownSettings = (text: string): readonly string[] =>
  [...text.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]*)+)(?:=[^`]*)?`/g)]
    .map((match) => match[1] ?? '')
    .filter((name) => !(name in CATALOGUE) && !EXAMPLES.has(name) && !isInCode(name));

function unknownScripts(text: string): readonly string[] {
  const { scripts } = JSON.parse(read('package.json')) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  return [...text.matchAll(/npm (?:run )?([a-z][\w:-]*)/g)]
    .map((match) => match[1] ?? '')
    .filter((name) => !['ci', 'run', 'install'].includes(name) && !(name in scripts) && !name.endsWith(':'));
}

describe('the documents', () => {
  it.each(PAGES)('%s links to what is there', (page) => {
    expect(brokenLinks(page, read(page))).toEqual([]);
  });

  it.each(PAGES)('%s names settings that exist', (page) => {
    expect(unknownSettings(read(page))).toEqual([]);
  });

  it.each(PAGES)('%s names scripts that exist', (page) => {
    expect(unknownScripts(read(page))).toEqual([]);
  });

  it('find a planted link, setting and script', () => {
    const planted =
      'See [this](not-there.md) and [that](docs/glossary.md#nowhere), set `IMAGE_RAM_BUDGT=1`, `npm run bild`.';

    expect(brokenLinks('README.md', planted)).toEqual(['not-there.md', 'docs/glossary.md#nowhere']);
    expect(unknownSettings(planted)).toEqual(['IMAGE_RAM_BUDGT']);
    expect(unknownScripts(planted)).toEqual(['bild']);
  });

  it('show every room on the map', () => {
    const rooms = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    const map = read('docs/architecture.md');

    expect(rooms.length).toBeGreaterThan(10);
    expect(rooms.map(({ name }) => name).filter((name) => !map.includes(`| \`${name}\` |`))).toEqual([]);
  });

  it('point at files of the source that exist', () => {
    const map = read('docs/architecture.md').replace(/```[\s\S]*?```/g, '');
    const rooms = [...map.matchAll(/^\| L\d \| `([\w-]+)` \|.*\| ([^|]+) \|$/gm)].flatMap((row) =>
      [...(row[2] ?? '').matchAll(/`([^`]+)`/g)].map((file) => `src/${row[1]}/${file[1]}`),
    );
    const steps = [...map.matchAll(/`((?:src\/)?[a-z][a-z-]*\/[\w./-]*(?:\.ts|\/))`/g)]
      .map((match) => match[1] ?? '')
      .filter((file) => !file.startsWith('test/') && !file.startsWith('bin/'))
      .map((file) => (file.startsWith('src/') ? file : `src/${file}`));

    expect(rooms.length + steps.length).toBeGreaterThan(30);
    expect([...rooms, ...steps].filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });

  it('show the diagrams as their own files have them', () => {
    const shown = [...read('docs/architecture.md').matchAll(/```mermaid\n([\s\S]*?)```/g)].map(
      (match) => match[1],
    );

    expect(shown).toEqual([read('docs/request-path.mmd'), read('docs/memory-mgmt.mmd')]);
  });

  it('name error codes that exist', () => {
    const named = PAGES.flatMap((page) => [...read(page).matchAll(/code\s+`([a-z]+(?:-[a-z]+)+)`/g)]).map(
      (match) => match[1] ?? '',
    );

    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((code) => !(code in ERROR_CODES))).toEqual([]);
  });
});
