/**
 * `npm run check:layers`: the import graph of `src` runs down only. dependency-cruiser finds "0 modules",
 * reports nothing and exits 0 when it cannot read TypeScript, so this script first lets it find one planted
 * violation per rule, and demands a minimum of modules in the real tree.
 *
 *     node test/checks/check-layers.mjs [--project folder] [--minimum modules]
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import rules, { BESIDE, LAYERS } from '../../.dependency-cruiser.mjs';
import { writeCleanProject, writePlantedProject } from './layer-fixture.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const CRUISER = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');

/** Fewer modules than this in the real tree mean that the tool is blind, not that the tree is small. */
const MINIMUM_MODULES = 60;

const run = promisify(execFile);

/** Cruises `src` of a project; returns how many modules were seen and what broke which rule. */
export async function cruise(project) {
  const { stdout } = await run(
    process.execPath,
    [CRUISER, '--config', join(ROOT, '.dependency-cruiser.mjs'), '--output-type', 'json', 'src'],
    { cwd: project, maxBuffer: 256 * 1024 ** 2 },
  ).catch((error) => {
    // it exits with the number of violations
    if (typeof error.stdout === 'string' && error.stdout.startsWith('{')) return error;
    throw new Error(`dependency-cruiser did not run: ${error.stderr || error.message}`);
  });
  const { modules, summary } = JSON.parse(stdout);
  return {
    modules: modules.filter(({ source }) => source.startsWith('src/')).length,
    violations: summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to })),
  };
}

/** What is wrong with the check itself: rules that no planted violation triggers, and faults seen in a clean tree. */
export async function selfTest() {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-layers-'));
  try {
    const planted = join(folder, 'planted');
    const clean = join(folder, 'clean');
    const broken = writePlantedProject(planted, LAYERS);
    writeCleanProject(clean, LAYERS, BESIDE);
    const [bad, good] = await Promise.all([cruise(planted), cruise(clean)]);
    const blind = rules.forbidden
      .filter(({ name }) => !bad.violations.some(({ rule, from }) => rule === name && from === broken[name]))
      .map(({ name }) => `rule "${name}" does not see its planted violation`);
    const strict = good.violations.map(
      ({ rule, from, to }) => `rule "${rule}" forbids what is allowed: ${from} → ${to}`,
    );
    return [...blind, ...strict];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The whole check; returns sentences, none when all is well. */
export async function checkLayers(project, minimum) {
  const [faults, { modules, violations }] = await Promise.all([selfTest(), cruise(project)]);
  const sentences = [...faults];
  if (modules < minimum) {
    sentences.push(`only ${modules} modules were seen, at least ${minimum} are expected: the tool is blind`);
  }
  for (const { rule, from, to } of violations) {
    const { comment } = rules.forbidden.find(({ name }) => name === rule);
    sentences.push(`${rule}: ${from} → ${to} (${comment})`);
  }
  return { modules, sentences };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { project: { type: 'string' }, minimum: { type: 'string' } } });
  const { modules, sentences } = await checkLayers(
    values.project ?? ROOT,
    Number(values.minimum ?? MINIMUM_MODULES),
  );
  for (const sentence of sentences) console.error(sentence);
  console.log(
    sentences.length === 0
      ? `check:layers: ${modules} modules, ${rules.forbidden.length} rules, no violation`
      : `check:layers: ${sentences.length} faults in ${modules} modules`,
  );
  process.exitCode = sentences.length === 0 ? 0 : 1;
}
