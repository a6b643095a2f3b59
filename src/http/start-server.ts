import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { DynamicModule } from '@nestjs/common';
import { SystemClock } from '../clock/index.js';
import type { Settings } from '../config/index.js';
import { describeAllocator } from '../process-memory/index.js';
import { createApp } from './create-app.js';
import { createLogger } from './pino-logger.js';
import { installShutdown } from './shutdown.js';
import { startTable } from './start-table.js';

/** Builds the application from its root module, listens, and says so. A port that cannot be had is one sentence and exit code 1. */
export async function startServer(root: DynamicModule, settings: Settings): Promise<void> {
  const { HOST: host, PORT: port, SHUTDOWN_TIMEOUT_MS: timeoutMs } = settings.values;
  const logger = await createLogger(settings);
  const clock = new SystemClock();
  const app = await createApp(root, settings, logger, { clock });
  installShutdown({ app, logger, clock, requestTimeoutMs: timeoutMs });
  try {
    await listen(app.getHttpServer(), port, host);
  } catch (error) {
    const sentence = listenSentence(error, host, port);
    if (sentence === undefined) throw error;
    process.stderr.write(`${sentence}\n`);
    await app.close();
    process.exit(1);
  }
  for (const line of startTable(settings, describeAllocator())) logger.log(line, 'start');
  logger.log(`Listening on ${urlOf(app.getHttpServer())}.`, 'start');
}

/** Not `app.listen`, which logs a second, longer text for the same fault. */
async function listen(server: Server, port: number, host: string): Promise<void> {
  server.listen(port, host);
  await once(server, 'listening');
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

function listenSentence(error: unknown, host: string, port: number): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return `PORT ${port} on ${host} is in use by another process; stop it or set PORT to another number.`;
    case 'EACCES':
      return `PORT ${port} may not be opened by this user; set PORT to a number from 1024 to 65535.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `HOST ${host} is not an address of this machine; set HOST to one that is, or to 0.0.0.0.`;
    default:
      return undefined;
  }
}
