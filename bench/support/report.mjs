import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

export const MIB = 1024 ** 2;
/** "16 MB" and the like in requirements are decimal: the stricter reading. */
export const MB = 1_000_000;

const projectFolder = fileURLToPath(new URL('../../', import.meta.url));

/** Above this somebody else uses the processors. */
const BUSY_LOAD = 0.7;

export const mib = (bytes) => (bytes / MIB).toFixed(0);
export const fixed = (value, digits = 1) => (Number.isFinite(value) ? value.toFixed(digits) : '–');
export const ratio = (value) => fixed(value, 3);
export const print = (line = '') => process.stdout.write(`${line}\n`);

function commit() {
  try {
    const git = (...words) =>
      execFileSync('git', words, { cwd: projectFolder, stdio: ['ignore', 'pipe', 'ignore'] })
        .toString()
        .trim();
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : ' with changes'}`;
  } catch {
    return 'no repository';
  }
}

/** Which file, with which arguments, on which machine: a figure without them says nothing. */
export function printHead(title) {
  const script = process.argv[1].slice(projectFolder.length);
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  print(`# ${title}`);
  print(`command: ${['node', script, ...process.argv.slice(2)].join(' ')}`);
  print(
    `machine: ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${mib(totalmem())} MiB, node ${process.version}, ` +
      `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}, plimsoll ${version} (${commit()})`,
  );
  const [load] = loadavg();
  if (load > BUSY_LOAD)
    print(`load of the machine before the bench: ${load.toFixed(1)}: times are not to be trusted`);
  print();
}

/** Rows of cells as a Markdown table, so that it can stand in docs/benchmarks.md as printed. */
export function printTable(head, rows) {
  const cells = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column].length)));
  const line = (row) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  print(line(cells[0]));
  print(
    `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`,
  );
  for (const row of cells.slice(1)) print(line(row));
  print();
}

/** Collects requirements; one that does not hold makes the exit code 1. */
export class Verdict {
  #held = 0;
  #broken = 0;
  #skipped = 0;

  /** @param {string} text what is required, with the figure that was found */
  require(holds, text) {
    print(`${holds ? 'holds ' : 'BROKEN'}  ${text}`);
    if (holds) this.#held += 1;
    else this.#broken += 1;
    return holds;
  }

  /** A requirement that could not be tried: said, never passed over in silence. */
  skip(text) {
    this.#skipped += 1;
    print(`skipped ${text}`);
  }

  get broken() {
    return this.#broken;
  }

  end() {
    print();
    print(`requirements: ${this.#held} hold, ${this.#broken} broken, ${this.#skipped} skipped`);
    if (this.#broken > 0) process.exitCode = 1;
  }
}
