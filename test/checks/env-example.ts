import type { CATALOGUE } from '../../src/config/index.js';

type Entry = (typeof CATALOGUE)[keyof typeof CATALOGUE];

const HEADER = `# Settings of Plimsoll. Copy this file to .env and take away the # of what you want to change; bin/plimsoll reads
# the .env of the folder it is started in, and variables of the environment win. An empty value is a mistake, not
# a zero. Sizes are bytes or carry a unit (512MB is 512 x 10^6, 1GiB is 2^30), durations are milliseconds or carry
# one (30s, 5m, 1h, 7d). What is in force, and where each value came from: bin/plimsoll --print-config
#
# This file is written from src/config/catalogue.ts by \`npm run docs:env\`.
`;

/** What a variable takes, in the words that the start-up check uses. */
function allowed(entry: Entry): string {
  const refusal = entry.schema.safeParse('').error?.issues[0]?.message ?? '';
  return refusal.replace(/, got "".*$/s, '').replace(/^must be /, '');
}

function wrap(text: string, width = 112): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + word.length + 3 > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line) => `# ${line}`).join('\n');
}

function describe(name: string, entry: Entry): string {
  const facts = [
    ...(entry.unit === '' ? [] : [`Unit: ${entry.unit}`]),
    `Takes: ${allowed(entry)}`,
    `Default: ${entry.default ?? 'not set'}`,
  ];
  return [wrap(entry.effect), wrap(`${facts.join('. ')}.`), `#${name}=${entry.default ?? ''}`, ''].join('\n');
}

/** The text of `.env.example`: every variable of the catalogue with its effect, unit, allowed values and default. */
export function renderEnvExample(catalogue: typeof CATALOGUE): string {
  const entries = Object.entries(catalogue) as [string, Entry][];
  const groups = [...new Set(entries.map(([, entry]) => entry.group))];
  const sections = groups.map((group) => {
    const members = entries.filter(([, entry]) => entry.group === group);
    return [`# ---- ${group} ----`, '', ...members.map(([name, entry]) => describe(name, entry))].join('\n');
  });
  return [HEADER, ...sections].join('\n').trimEnd() + '\n';
}
