import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ownFolder, ownProcess, removeFolder } from './life.mjs';
import { plainEnvironment } from './start-server.mjs';

const script = fileURLToPath(new URL('./bare-loop.mjs', import.meta.url));

/**
 * Runs sharp operations in a fresh process without HTTP.
 *
 * @param {{ jobs: number, seconds?: number, warmupCount?: number, inMemory?: boolean,
 *   list: { path: string, width: number, format: string }[] }} task
 * @returns {Promise<{ count: number, wallMs: number, perSecond: number, cpuMs: number }>}
 */
export async function runLoop(task) {
  const folder = ownFolder(mkdtempSync(join(tmpdir(), 'plimsoll-bench-')));
  const file = join(folder, 'task.json');
  writeFileSync(file, JSON.stringify(task));
  try {
    const output = await new Promise((resolve, reject) => {
      ownProcess(
        execFile(process.execPath, [script, file], { env: plainEnvironment() }, (error, stdout) =>
          error === null ? resolve(stdout) : reject(error),
        ),
      );
    });
    return JSON.parse(output);
  } finally {
    removeFolder(folder);
  }
}
