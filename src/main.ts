import { loadSettings, printSettings, SettingsError, type Settings } from './config/index.js';
import { readMachineMemory } from './process-memory/index.js';

/** `EX_CONFIG` of sysexits.h: supervisors can tell a wrong setting from a crash. */
const EXIT_CONFIG = 78;

/** `EX_USAGE` of sysexits.h. */
const EXIT_USAGE = 64;

const USAGE = `Usage: plimsoll [--print-config]
       plimsoll backup FILE

Starts the server with the settings of the environment.
  --print-config  prints the effective settings with their sources and ends
  backup FILE     copies the bookmarks to a new file, also while a server runs, and ends
`;

/** One sentence a line, and an exit code of its own; anything else is a fault of the program. */
function refuseSettings(error: unknown): void {
  if (!(error instanceof SettingsError)) throw error;
  process.stderr.write(error.problems.map((problem) => `${problem}\n`).join(''));
  process.exitCode = EXIT_CONFIG;
}

function readSettings(): Settings | undefined {
  try {
    return loadSettings(process.env, readMachineMemory());
  } catch (error) {
    refuseSettings(error);
    return undefined;
  }
}

/** Only what the command needs is loaded. */
async function backup(operands: readonly string[]): Promise<void> {
  const [file] = operands;
  if (file === undefined || file === '' || file.startsWith('-') || operands.length > 1) {
    process.stderr.write('plimsoll backup takes one argument, the path of the new file.\n');
    process.exitCode = EXIT_USAGE;
    return;
  }
  const settings = readSettings();
  if (settings === undefined) return;
  const { runBackup } = await import('./database/index.js');
  const { message, exitCode } = await runBackup(settings, file);
  (exitCode === 0 ? process.stdout : process.stderr).write(`${message}\n`);
  process.exitCode = exitCode;
}

async function main(options: readonly string[]): Promise<void> {
  const [command, ...operands] = options;
  if (command === 'backup') return backup(operands);
  const unknown = options.find((option) => option !== '--print-config' && option !== '--help');
  if (unknown !== undefined || options.includes('--help')) {
    (unknown === undefined ? process.stdout : process.stderr).write(USAGE);
    process.exitCode = unknown === undefined ? 0 : EXIT_USAGE;
    return;
  }
  const settings = readSettings();
  if (settings === undefined) return;
  if (options.includes('--print-config')) {
    process.stdout.write(`${printSettings(settings)}\n`);
    return;
  }
  // Everything else is loaded only now: a wrong setting is told at once.
  const [{ AppModule }, { startServer }] = await Promise.all([
    import('./app.module.js'),
    import('./http/index.js'),
  ]);
  // Rooms refuse what only they can judge: presets, host patterns.
  await startServer(AppModule.forRoot(settings), settings).catch(refuseSettings);
}

await main(process.argv.slice(2));
