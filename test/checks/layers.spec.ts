import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');

interface Outcome {
  readonly code: number;
  readonly output: string;
}

function checkLayers(checkedFrom: string, ...options: readonly string[]): Promise<Outcome> {
  return new Promise((done) => {
    const script = join(checkedFrom, 'test/checks/check-layers.mjs');
    execFile(process.execPath, [script, ...options], (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}

describe('check:layers', () => {
  let project: string;

  const write = (file: string, text: string): void => {
    mkdirSync(join(project, file, '..'), { recursive: true });
    writeFileSync(join(project, file), text);
  };

  beforeEach(() => {
    project = mkdtempSync(join(tmpdir(), 'plimsoll-check-'));
    cpSync(join(ROOT, 'tsconfig.json'), join(project, 'tsconfig.json'));
    write('src/config/index.ts', `export { limit } from './limit.js';\n`);
    write('src/config/limit.ts', 'export const limit = 1;\n');
    write('src/images/index.ts', `export { size } from './size.js';\n`);
    write('src/images/size.ts', `import { limit } from '../config/index.js';\nexport const size = limit;\n`);
  });

  afterEach(() => rmSync(project, { recursive: true, force: true }));

  it('passes a tree that runs down through faces', async () => {
    const outcome = await checkLayers(ROOT, '--project', project, '--minimum', '4');

    expect(outcome).toEqual({
      code: 0,
      output: expect.stringMatching(/^check:layers: 4 modules, \d+ rules, no violation\n$/),
    });
  });

  it('names every planted fault and fails', async () => {
    const faults = {
      'L0-config: src/config/up.ts': `import { size } from '../images/index.js';\nexport const up = size;\n`,
      'L0-config: src/config/up-type.ts': `import type { size } from '../images/index.js';\nexport type Up = typeof size;\n`,
      'face: src/images/deep.ts': `import { limit } from '../config/limit.js';\nexport const deep = limit;\n`,
      'circle: src/images/about.ts': `import type { B } from './round.js';\nexport type A = B | 2;\n`,
      'stranger: src/utils/index.ts': `export { limit } from '../config/index.js';\n`,
      'http: src/config/serve.ts': `import express from 'express';\nexport const app = express;\n`,
      'unresolved: src/images/lost.ts': `import { lost } from './gone.js';\nexport const found = lost;\n`,
    };
    write('src/images/round.ts', `import type { A } from './about.js';\nexport type B = A | 1;\n`);
    for (const [sentence, text] of Object.entries(faults)) write(sentence.replace(/^.*: /, ''), text);

    const outcome = await checkLayers(ROOT, '--project', project, '--minimum', '4');

    expect(outcome.code).toBe(1);
    for (const sentence of Object.keys(faults)) expect(outcome.output).toContain(`${sentence} →`);
  });

  it('fails when it sees fewer modules than the tree must have', async () => {
    const outcome = await checkLayers(ROOT, '--project', project, '--minimum', '5');

    expect(outcome).toEqual({ code: 1, output: expect.stringContaining('only 4 modules were seen') });
  });

  it('fails when a rule no longer sees its planted violation', async () => {
    cpSync(join(ROOT, 'test/checks'), join(project, 'test/checks'), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(project, 'node_modules'));
    const config = readFileSync(join(ROOT, '.dependency-cruiser.mjs'), 'utf8');
    write(
      '.dependency-cruiser.mjs',
      config.replace('tsPreCompilationDeps: true', 'tsPreCompilationDeps: false'),
    );

    const outcome = await checkLayers(project, '--minimum', '4');

    expect(outcome.code).toBe(1);
    expect(outcome.output).toContain('rule "circle" does not see its planted violation');
  });
});
