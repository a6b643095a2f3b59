import { CATALOGUE, type VariableName, type VariableValues } from './catalogue.js';
import { planMemory, type MachineMemory } from './memory-plan.js';
import type { Settings, SettingSource } from './settings.js';
import { SettingsError } from './settings-error.js';
import type { Variable } from './variable.js';

export type Environment = Readonly<Record<string, string | undefined>>;

const NAMES = Object.keys(CATALOGUE) as VariableName[];

/**
 * Reads and validates all settings.
 *
 * @throws SettingsError with one sentence per mistake, all at once.
 */
export function loadSettings(environment: Environment, machine: MachineMemory): Settings {
  const problems: string[] = [];
  const report = (name: string, sentence: string): void => void problems.push(`${name} ${sentence}`);
  const isExplicit = (name: VariableName): boolean => environment[name] !== undefined;

  const values = {} as Record<VariableName, unknown>;
  const bad = new Set<VariableName>();
  for (const name of NAMES) {
    const variable: Variable<unknown> = CATALOGUE[name];
    const raw = environment[name] ?? variable.default;
    if (raw === undefined) continue;
    const result = variable.schema.safeParse(raw);
    if (result.success) {
      values[name] = result.data;
      continue;
    }
    bad.add(name);
    const sentence = result.error.issues[0]?.message ?? 'is not valid';
    report(name, variable.secret === true ? maskGot(sentence) : sentence);
    // Its default stands in, so that mistakes across settings are reported in the same go.
    if (variable.default !== undefined) values[name] = variable.schema.parse(variable.default);
  }

  const read = values as VariableValues;
  // What follows from a value that was refused already is not a second mistake.
  const reportGood = (name: VariableName, sentence: string): void => {
    if (!bad.has(name)) report(name, sentence);
  };
  checkTogether(read, reportGood);
  const memory = planMemory(read, isExplicit, machine, reportGood);
  if (problems.length > 0) throw new SettingsError(problems);

  const sources = {} as Record<VariableName, SettingSource>;
  for (const name of NAMES) {
    sources[name] = memory.scaled.includes(name) ? 'scaled' : isExplicit(name) ? 'environment' : 'default';
  }
  return Object.freeze({
    values: Object.freeze(read),
    memory: Object.freeze(memory),
    sources: Object.freeze(sources),
  });
}

/** A secret's own text stays out of the sentence. */
const maskGot = (message: string): string => message.replace(/, got ".*$/s, ', got something else');

/** Rules across settings; each names both. */
function checkTogether(values: VariableValues, report: (name: VariableName, sentence: string) => void): void {
  if (values.NODE_ENV === 'production' && values.MEMORY_INJECT_FILE !== undefined) {
    report('MEMORY_INJECT_FILE', 'must not be set when NODE_ENV is production');
  }
  if (values.CACHE_MIN_TTL_MS > values.CACHE_MAX_TTL_MS) {
    report(
      'CACHE_MIN_TTL_MS',
      `must not exceed CACHE_MAX_TTL_MS (${values.CACHE_MAX_TTL_MS} ms), got ${values.CACHE_MIN_TTL_MS} ms`,
    );
  }
  if (values.IMAGE_URL_SIGNING_KEY !== undefined && values.IMAGE_URL_SIGNING_KEY.length > 2) {
    report(
      'IMAGE_URL_SIGNING_KEY',
      `must be one key, or two for rotation, got ${values.IMAGE_URL_SIGNING_KEY.length} keys`,
    );
  }
}
