// The real server with its reservations switched off: every request is admitted at once. It proves that bench:line can
// fail. No setting does this: the provider is replaced, which only a build of this kind can.
import { once } from 'node:events';
import { Test } from '@nestjs/testing';
import { AppModule } from '../../dist/app.module.js';
import { SystemClock } from '../../dist/clock/index.js';
import { loadSettings } from '../../dist/config/index.js';
import { createApp, createLogger } from '../../dist/http/index.js';
import { installShutdown } from '../../dist/http/shutdown.js';
import { RESERVATIONS_ENABLED } from '../../dist/image-memory/index.js';
import { readMachineMemory } from '../../dist/process-memory/index.js';

const settings = loadSettings(process.env, readMachineMemory());
const { HOST: host, PORT: port, SHUTDOWN_TIMEOUT_MS: requestTimeoutMs } = settings.values;
const logger = await createLogger(settings);
const clock = new SystemClock();
const app = await createApp(AppModule.forRoot(settings), settings, logger, {
  clock,
  build: async (root, adapter, options) => {
    const built = await Test.createTestingModule({ imports: [root] })
      .overrideProvider(RESERVATIONS_ENABLED)
      .useValue(false)
      .compile();
    return built.createNestApplication(adapter, options);
  },
});
installShutdown({ app, logger, clock, requestTimeoutMs });
const server = app.getHttpServer();
server.listen(port, host);
await once(server, 'listening');
logger.warn(`Listening on port ${server.address().port} WITHOUT reservations.`, 'start');
