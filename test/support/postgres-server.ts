import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';

const run = promisify(execFile);

/** A PostgreSQL cluster of its own, on loopback. */
export interface PostgresServer {
  /** Makes an empty database and answers with its URL. */
  createDatabase(): Promise<string>;
  /** Runs one statement as the superuser; in `database` when it is given. */
  query(statement: string): Promise<readonly unknown[]>;
  /** Ends every connection at once, as a restart of the server would. */
  dropConnections(): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Stops the server and removes its folder. */
  close(): Promise<void>;
}

const PASSWORD = 'test-password';

/** Folder of `initdb` and `pg_ctl`, the newest that is installed. */
function binaries(): string {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const folder = versions
    .map((version) => join(root, version, 'bin'))
    .find((path) => existsSync(join(path, 'initdb')));
  if (folder === undefined) throw new Error('These specs need PostgreSQL: install the package "postgresql".');
  return folder;
}

/** Makes a cluster in a temporary folder and starts it; nothing is installed, nothing is left behind. */
export async function startPostgres(): Promise<PostgresServer> {
  const bin = binaries();
  const owner = await ownerOfCluster();
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-pg-'));
  const passwordFile = join(folder, 'password');
  const data = join(folder, 'data');
  await writeFile(passwordFile, PASSWORD);
  if (owner !== null) for (const path of [folder, passwordFile]) await chown(path, owner.uid, owner.gid);
  // PostgreSQL refuses to run as root.
  const as = async (program: string, ...values: string[]): Promise<void> => {
    const command = [join(bin, program), ...values];
    const all =
      owner === null
        ? command
        : ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', ...command];
    await run(all[0] as string, all.slice(1), { cwd: '/' });
  };
  await as(
    'initdb',
    ...['-D', data, '-U', 'postgres', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'],
    ...['--auth=scram-sha-256', `--pwfile=${passwordFile}`],
  );
  const port = await freePort();
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${folder} -c fsync=off`;
  const start = (): Promise<void> =>
    as('pg_ctl', '-D', data, '-w', '-l', join(folder, 'log'), '-o', options, 'start');
  const stop = (): Promise<void> => as('pg_ctl', '-D', data, '-m', 'immediate', '-w', 'stop');
  const urlOf = (database: string): string => `postgres://postgres:${PASSWORD}@127.0.0.1:${port}/${database}`;
  const query = async (statement: string): Promise<readonly unknown[]> => {
    const client = new Client({ connectionString: urlOf('postgres') });
    await client.connect();
    try {
      return (await client.query(statement)).rows;
    } finally {
      await client.end();
    }
  };
  let databases = 0;
  await start();
  return {
    createDatabase: async () => {
      const name = `test_${++databases}`;
      await query(`create database ${name}`);
      return urlOf(name);
    },
    query,
    dropConnections: async () => {
      await query(
        'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname is not null',
      );
    },
    stop,
    start,
    close: async () => {
      await stop().catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The user `postgres` when this process is root, else null: the cluster is our own. */
async function ownerOfCluster(): Promise<{ readonly uid: number; readonly gid: number } | null> {
  if (process.getuid?.() !== 0) return null;
  const id = async (option: string): Promise<number> =>
    Number((await run('id', [option, 'postgres'])).stdout);
  return { uid: await id('-u'), gid: await id('-g') };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
