import { CATALOGUE, type VariableName } from './catalogue.js';
import type { Settings } from './settings.js';
import type { Variable } from './variable.js';

/** Effective bytes of the settings that the memory plan may scale. */
const PLANNED = {
  IMAGE_RAM_BUDGET_BYTES: 'imageCacheBytes',
  SERVER_CACHE_BUDGET_BYTES: 'serverCacheBytes',
  SEARCH_INDEX_BUDGET_BYTES: 'searchIndexBytes',
} as const satisfies Partial<Record<VariableName, keyof Settings['memory']>>;

/** The effective settings, one `NAME=value  # source` line each, secrets masked, followed by the memory plan. */
export function printSettings(settings: Settings): string {
  const names = Object.keys(CATALOGUE) as VariableName[];
  const lines = names.map((name) => `${name}=${show(settings, name)}  # ${settings.sources[name]}`);
  const { lineBytes, lineSource, rungBytes, machine } = settings.memory;
  return [
    ...lines,
    '',
    `# line L: ${lineBytes} bytes (from the ${lineSource})`,
    `# container limit: ${machine.containerLimitBytes ?? 'none'}; machine: ${machine.totalMemoryBytes}; heap limit: ${machine.heapLimitBytes}`,
    ...Object.entries(rungBytes).map(([rung, bytes]) => `# rung ${rung}: ${bytes}`),
  ].join('\n');
}

function show(settings: Settings, name: VariableName): string {
  const variable: Variable<unknown> = CATALOGUE[name];
  const value =
    name in PLANNED ? settings.memory[PLANNED[name as keyof typeof PLANNED]] : settings.values[name];
  if (value === undefined) return '';
  if (variable.secret === true) return '********';
  if (name === 'IMAGE_JOBS' && value === 0) return 'auto';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (Array.isArray(value)) return value.join(',');
  if (typeof value === 'object') {
    return Object.entries(value as Record<string, string>)
      .map(([key, text]) => `${key}:${text}`)
      .join(';');
  }
  return String(value);
}
