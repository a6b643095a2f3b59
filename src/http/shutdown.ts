import type { INestApplication } from '@nestjs/common';
import type { Cancel, Clock } from '../clock/index.js';
import type { PinoLogger } from './pino-logger.js';

/** What ends the process; replaced in tests. */
export interface ProcessEnd {
  readonly on: (event: string, listener: (...values: unknown[]) => void) => void;
  readonly exit: (code: number) => void;
}

export interface ShutdownOptions {
  readonly app: Pick<INestApplication, 'close'>;
  readonly logger: PinoLogger;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly end?: ProcessEnd;
}

const REAL_END: ProcessEnd = {
  on: (event, listener) => void process.on(event, listener),
  exit: (code) => process.exit(code),
};

/** Rooms get this long to close after the last request, ms; what hangs then is left behind. */
const CLOSE_GRACE_MS = 5_000;

/** Interrupted by a second signal, a fault, or rooms that did not close in time. */
const EXIT_FAILED = 1;

/**
 * SIGTERM and SIGINT end the process gently and with 0: readiness fails, nothing new is accepted, running
 * requests finish within `requestTimeoutMs`, rooms close, the log is flushed. A second signal ends it at once
 * with 1, and so does a fault that nobody caught.
 */
export function installShutdown(options: ShutdownOptions): void {
  const { app, logger, clock, requestTimeoutMs, end = REAL_END } = options;
  let stopping = false;
  let cancelDeadline: Cancel = () => undefined;
  const finish = (code: number): void => {
    cancelDeadline();
    logger.flush();
    end.exit(code);
  };
  const stop = (signal: string): void => {
    if (stopping) {
      logger.warn(`Second signal (${signal}): ending at once.`, 'shutdown');
      finish(EXIT_FAILED);
      return;
    }
    stopping = true;
    logger.log(`${signal}: finishing running requests, at most ${requestTimeoutMs} ms.`, 'shutdown');
    cancelDeadline = clock.after(requestTimeoutMs + CLOSE_GRACE_MS, () => {
      logger.error('The rooms did not close in time.', 'shutdown');
      finish(EXIT_FAILED);
    });
    app.close().then(
      () => {
        logger.log('Closed.', 'shutdown');
        finish(0);
      },
      (error: unknown) => {
        logger.error(error, 'shutdown');
        finish(EXIT_FAILED);
      },
    );
  };
  const fail = (error: unknown): void => {
    logger.fatal(error, 'process');
    finish(EXIT_FAILED);
  };
  end.on('SIGTERM', () => stop('SIGTERM'));
  end.on('SIGINT', () => stop('SIGINT'));
  end.on('uncaughtException', fail);
  end.on('unhandledRejection', fail);
}
