/**
 * A small project that breaks each rule of `.dependency-cruiser.mjs` once, and a clean one, so that
 * `check:layers` can prove that it still sees something before it judges the real tree.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const write = (folder, files) => {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
};

const COMPILER = JSON.stringify({
  compilerOptions: { module: 'nodenext', moduleResolution: 'nodenext', target: 'es2023', strict: true },
  include: ['src'],
});

const PACKAGES = {
  'node_modules/express/package.json': '{ "name": "express", "version": "1.0.0", "main": "index.js" }',
  'node_modules/express/index.js': 'module.exports = {};\n',
};

const faces = (layers) =>
  Object.fromEntries(
    layers.flat().map((room) => [`src/${room}/index.ts`, `export { inner } from './inner.js';\n`]),
  );

const inners = (layers) =>
  Object.fromEntries(
    layers.flat().map((room) => [`src/${room}/inner.ts`, `export const inner = '${room}';\n`]),
  );

const use = (specifier) => `import type { inner } from '${specifier}';\nexport type Used = typeof inner;\n`;

/** Writes a project without any fault: every room uses all that it may. */
export function writeCleanProject(folder, layers, beside) {
  const uses = layers.flatMap((rooms, level) =>
    rooms.map((room) => {
      const allowed = [...layers.slice(0, level).flat(), ...(beside[room] ?? [])];
      const imports = allowed.map(
        (other, index) => `import { inner as i${index} } from '../${other}/index.js';`,
      );
      return [
        `src/${room}/uses.ts`,
        [...imports, `export const uses = [${allowed.map((_, index) => `i${index}`).join(', ')}];`, ''].join(
          '\n',
        ),
      ];
    }),
  );
  write(folder, {
    'tsconfig.json': COMPILER,
    'package.json': '{ "type": "module" }',
    ...PACKAGES,
    ...inners(layers),
    ...faces(layers),
    ...Object.fromEntries(uses),
    'src/main.ts': `import { inner } from './${layers[0][0]}/index.js';\nexport const started = inner;\n`,
  });
}

/** Writes a project with one planted fault for each rule; returns rule name → the file that breaks it. */
export function writePlantedProject(folder, layers) {
  const [low] = layers[0];
  const [top] = layers.at(-1);
  const broken = {};
  const files = {};
  const plant = (rule, file, text) => {
    broken[rule] = file;
    files[file] = text;
  };

  layers.forEach((rooms, level) => {
    for (const room of rooms) {
      const above = layers[level + 1]?.[0] ?? rooms.find((other) => other !== room && other !== 'health');
      plant(`L${level}-${room}`, `src/${room}/looks-up.ts`, use(`../${above}/index.js`));
    }
  });
  plant('face', `src/${top}/deep.ts`, use(`../${low}/inner.js`));
  plant('face-from-top', 'src/main.ts', use(`./${low}/inner.js`));
  plant(
    'top',
    `src/${top}/starts.ts`,
    `import type { Used } from '../main.js';\nexport type Again = Used;\n`,
  );
  plant('own-index', `src/${low}/own.ts`, use('./index.js'));
  plant(
    'circle',
    `src/${low}/round-a.ts`,
    `import type { B } from './round-b.js';\nexport type A = B | 1;\n`,
  );
  files[`src/${low}/round-b.ts`] = `import type { A } from './round-a.js';\nexport type B = A | 2;\n`;
  plant('stranger', 'src/utils/index.ts', use(`../${low}/index.js`));
  plant(
    'to-stranger',
    `src/${top}/drawer.ts`,
    `import type { Used } from '../utils/index.js';\nexport type U = Used;\n`,
  );
  plant('http', `src/${low}/serves.ts`, `import express from 'express';\nexport const app = express;\n`);
  plant(
    'test-code',
    `src/${low}/tested.ts`,
    `import type { T } from '../../test/fake.js';\nexport type U = T;\n`,
  );
  files['test/fake.ts'] = 'export type T = 1;\n';
  plant('unresolved', `src/${low}/missing.ts`, use('./not-there.js'));

  write(folder, {
    'tsconfig.json': COMPILER,
    'package.json': '{ "type": "module" }',
    ...PACKAGES,
    ...inners(layers),
    ...faces(layers),
    ...files,
  });
  return broken;
}
