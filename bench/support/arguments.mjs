import { parseArgs } from 'node:util';

const UNITS = { '': 1, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3, kb: 1e3, mb: 1e6, gb: 1e9 };

/** `512MiB`, `1GiB`, `500MB` or plain bytes. */
export function parseSizeBytes(text) {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const unit = UNITS[match?.[2].toLowerCase()];
  if (match === null || unit === undefined)
    throw new Error(`a size such as 512MiB is expected, got "${text}"`);
  return Math.round(Number(match[1]) * unit);
}

/**
 * Reads the command line. Each option is `{ default, about }`; the type of the default is the type of the
 * option, an array may be given more than once.
 *
 * @returns the values by name; prints the options and exits on `--help` or an unknown one
 */
export function readArguments(title, options) {
  const parsed = {};
  for (const [name, { default: fallback }] of Object.entries(options)) {
    parsed[name] = {
      type: typeof fallback === 'boolean' ? 'boolean' : 'string',
      multiple: Array.isArray(fallback),
    };
  }
  const usage = () =>
    [`${title}`, '', 'Options:']
      .concat(
        Object.entries(options).map(
          ([name, { default: fallback, about }]) =>
            `  --${name.padEnd(20)} ${about} (${JSON.stringify(fallback)})`,
        ),
      )
      .join('\n');
  let given;
  try {
    given = parseArgs({ options: { ...parsed, help: { type: 'boolean' } } }).values;
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${usage()}\n`);
    process.exit(2);
  }
  if (given.help) {
    process.stdout.write(`${usage()}\n`);
    process.exit(0);
  }
  const values = {};
  for (const [name, { default: fallback }] of Object.entries(options)) {
    const text = given[name];
    values[name] = text === undefined ? fallback : typeof fallback === 'number' ? Number(text) : text;
    if (Number.isNaN(values[name])) {
      process.stderr.write(`--${name} must be a number, got "${text}"\n`);
      process.exit(2);
    }
  }
  return values;
}
