import { rmSync } from 'node:fs';

/** What must not outlive the bench: processes and folders of its own. */
const processes = new Set();
const folders = new Set();
const closers = new Set();

/** Registers a child; it is killed, by its own id, when the bench ends in any way that can be noticed. */
export function ownProcess(child) {
  processes.add(child);
  child.once('exit', () => processes.delete(child));
  return child;
}

export function ownFolder(path) {
  folders.add(path);
  return path;
}

export function removeFolder(path) {
  rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  folders.delete(path);
}

/** Registers a synchronous act for the end; returns the act that runs it now, once. */
export function ownCloser(close) {
  closers.add(close);
  return () => {
    if (closers.delete(close)) close();
  };
}

function endAll() {
  for (const child of processes) child.kill('SIGKILL');
  for (const close of closers) close();
  for (const folder of folders) {
    try {
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    } catch {
      // a child that is still dying may write once more; the folder lies under the temporary folder anyway
    }
  }
}

process.once('exit', endAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130));

/** No bench runs for ever: past the bound it says so, cleans up and fails. */
export function boundMinutes(minutes) {
  setTimeout(() => {
    process.stderr.write(`stopped: longer than ${minutes} minutes\n`);
    process.exit(3);
  }, minutes * 60_000).unref();
}
