import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The other sides of the extraction bench; publisher and lang had no release of their own at 5.49.7. */
export const LIBRARIES = [
  'open-graph-scraper@6.9.0',
  'metascraper@5.49.7',
  ...['title', 'description', 'image', 'author', 'date', 'url', 'logo'].map(
    (rule) => `metascraper-${rule}@5.49.7`,
  ),
  'metascraper-publisher@5.49.5',
  'metascraper-lang@5.49.5',
];

/** Where they are kept from one run to the next. */
const folder = join(tmpdir(), 'plimsoll-bench-extract-libraries-v1');

/**
 * Installs what is not there yet; building re2 takes some minutes the first time.
 *
 * @returns the folder whose node_modules hold them, or a sentence why they cannot be had
 */
export function installLibraries() {
  const missing = LIBRARIES.filter(
    (library) => !existsSync(join(folder, 'node_modules', library.split('@')[0])),
  );
  if (missing.length === 0) return { folder };
  mkdirSync(folder, { recursive: true });
  const { status, error, stderr } = spawnSync(
    'npm',
    ['install', '--prefix', folder, '--no-audit', '--no-fund', '--loglevel=error', ...LIBRARIES],
    { cwd: folder, encoding: 'utf8', timeout: 9 * 60_000 },
  );
  if (status === 0) return { folder };
  const [reason] = (error?.message ?? stderr ?? '').trim().split('\n');
  return { reason: `npm install failed: ${reason || `exit code ${status}`}` };
}
