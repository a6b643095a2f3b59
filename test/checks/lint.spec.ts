import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');

interface Finding {
  readonly code: string;
  readonly filename: string;
}

/** One planted fault for each rule of the house: file → [rule, source]. */
const PLANTED: Readonly<Record<string, readonly [rule: string, source: string]>> = {
  'src/images/floating.ts': [
    'typescript(no-floating-promises)',
    'export const f = (p: Promise<number>): void => {\n  void p;\n};',
  ],
  'src/images/misused.ts': ['typescript(no-misused-promises)', '[1].forEach(async () => {});'],
  'src/images/thrown.ts': [
    'typescript(only-throw-error)',
    `export const f = (): never => {\n  throw 'text';\n};`,
  ],
  'src/images/any.ts': ['typescript(no-explicit-any)', 'export const f = (a: any): unknown => a;'],
  'src/images/default.ts': ['import(no-default-export)', 'const a = 1;\nexport default a;'],
  'src/images/later.ts': ['eslint(no-warning-comments)', '// TODO: later\nexport const a = 1;'],
  'src/images/environment.ts': ['node(no-process-env)', `export const a = process.env['HOME'];`],
  'src/images/now.ts': ['eslint(no-restricted-properties)', 'export const a = Date.now();'],
  'src/images/url.ts': ['eslint(no-restricted-properties)', `export const a = URL.canParse('http://a/');`],
  'src/images/timer.ts': ['eslint(no-restricted-globals)', 'setTimeout(() => {}, 1);'],
  'src/images/printed.ts': ['eslint(no-console)', `console.log('here');`],
  'src/images/switched.ts': [
    'typescript(switch-exhaustiveness-check)',
    `export const f = (a: 'x' | 'y'): void => {\n  switch (a) {\n    case 'x':\n      break;\n  }\n};`,
  ],
  'src/image-memory/refused.ts': [
    'eslint(no-restricted-imports)',
    `import { NotFoundException } from '@nestjs/common';\nexport const a = NotFoundException;`,
  ],
  'src/remote-fetch/served.ts': [
    'eslint(no-restricted-imports)',
    `import { Controller } from '@nestjs/common';\nexport const a = Controller;`,
  ],
  'src/images/no-expect.spec.ts': [
    'jest(expect-expect)',
    `import { it } from '@jest/globals';\nit('proves nothing', () => {});`,
  ],
  'src/images/caught.spec.ts': [
    'jest(no-conditional-expect)',
    `import { expect, it } from '@jest/globals';\nit('is green', () => {\n  try {\n    JSON.parse('');\n  } catch (error) {\n    expect(error).toBeDefined();\n  }\n});`,
  ],
  'src/images/only.spec.ts': [
    'jest(no-focused-tests)',
    `import { expect, it } from '@jest/globals';\nit.only('runs alone', () => expect(1).toBe(1));`,
  ],
};

/** What is allowed where the rules make an exception. */
const CLEAN: Readonly<Record<string, string>> = {
  'src/config/environment.ts': `export const a = process.env['HOME'];`,
  'src/clock/now.ts': 'export const a = (): number => Date.now();\nsetTimeout(() => {}, 1);',
  'src/http/refused.ts': `import { NotFoundException } from '@nestjs/common';\nexport const a = NotFoundException;`,
  'src/image-memory/module.ts': `import { Injectable } from '@nestjs/common';\nexport const a = Injectable;`,
  'jest.config.mjs': 'export default {};',
};

describe('lint', () => {
  let project: string;
  let findings: readonly Finding[];

  beforeAll(async () => {
    project = mkdtempSync(join(tmpdir(), 'plimsoll-lint-'));
    cpSync(join(ROOT, '.oxlintrc.json'), join(project, '.oxlintrc.json'));
    cpSync(join(ROOT, 'tsconfig.json'), join(project, 'tsconfig.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(project, 'node_modules'));
    writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
    const sources = {
      ...CLEAN,
      ...Object.fromEntries(Object.entries(PLANTED).map(([file, [, source]]) => [file, source])),
    };
    for (const [file, source] of Object.entries(sources)) {
      mkdirSync(dirname(join(project, file)), { recursive: true });
      writeFileSync(join(project, file), `${source}\n`);
    }
    const output = await new Promise<string>((done, fail) => {
      const args = ['--type-aware', '--format', 'json', 'src', 'jest.config.mjs'];
      execFile(join(ROOT, 'node_modules/.bin/oxlint'), args, { cwd: project }, (_error, stdout, stderr) =>
        stdout.startsWith('{') ? done(stdout) : fail(new Error(stderr || stdout)),
      );
    });
    findings = (JSON.parse(output) as { diagnostics: Finding[] }).diagnostics;
  }, 60_000);

  afterAll(() => rmSync(project, { recursive: true, force: true }));

  it.each(Object.entries(PLANTED))('finds the fault planted in %s', (file, [rule]) => {
    expect(findings).toContainEqual(expect.objectContaining({ code: rule, filename: file }));
  });

  it.each(Object.keys(CLEAN))('has nothing against %s', (file) => {
    expect(findings.filter(({ filename }) => filename === file)).toEqual([]);
  });
});
