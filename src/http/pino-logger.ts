import type { LoggerService } from '@nestjs/common';
import { pino, type DestinationStream, type Logger } from 'pino';
import type { Settings } from '../config/index.js';

type PinoLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** Members that never reach a log, wherever an object carries them. */
const SECRET_PATHS = ['authorization', 'headers.authorization', 'headers.cookie', 'token', 'key', 'sig'];

/** Chatter of the frame at start: a line for each route and module. */
const QUIET_CONTEXTS = new Set([
  'InstanceLoader',
  'RouterExplorer',
  'RoutesResolver',
  'NestFactory',
  'NestApplication',
]);

/**
 * The logger of the frame and of every room, on pino. A message may be a text, an `Error`, or an object whose
 * `message` is the text and whose other members are fields.
 */
export class PinoLogger implements LoggerService {
  constructor(readonly pino: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    const context = rest.at(-1);
    this.write(typeof context === 'string' && QUIET_CONTEXTS.has(context) ? 'debug' : 'info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  /** Writes what is still held; the default destination holds nothing. */
  flush(): void {
    this.pino.flush();
  }

  /** The frame passes `(message, context)`, and `(message, stack, context)` for errors. */
  private write(level: PinoLevel, message: unknown, rest: readonly unknown[]): void {
    if (!this.pino.isLevelEnabled(level)) return;
    const texts = rest.filter((part) => typeof part === 'string');
    const context = texts.at(-1);
    const stack = texts.length > 1 ? texts.at(-2) : undefined;
    if (message instanceof Error) {
      this.pino[level]({ context, stack: message.stack }, `${message.name}: ${message.message}`);
    } else if (typeof message === 'object' && message !== null) {
      const { message: text, ...fields } = message as Record<string, unknown>;
      this.pino[level]({ context, stack, ...fields }, typeof text === 'string' ? text : '');
    } else {
      this.pino[level]({ context, stack }, String(message));
    }
  }
}

/**
 * The process's logger by `LOG_LEVEL` and `LOG_FORMAT`. It writes synchronously: a line costs a few
 * microseconds, none is lost in a crash, and the thread pool stays with the images. `pino-pretty` is loaded
 * only for a terminal.
 */
export async function createLogger(settings: Settings, destination?: DestinationStream): Promise<PinoLogger> {
  const { LOG_LEVEL: level, LOG_FORMAT: format } = settings.values;
  const options = {
    level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRET_PATHS, censor: '********' },
  };
  if (destination !== undefined) return new PinoLogger(pino(options, destination));
  const pretty = format === 'pretty' || (format === 'auto' && process.stdout.isTTY);
  if (!pretty) return new PinoLogger(pino(options, pino.destination({ dest: 1, sync: true })));
  const { default: prettyStream } = await import('pino-pretty');
  return new PinoLogger(
    pino(
      options,
      prettyStream({ sync: true, ignore: 'context', messageFormat: '{if context}[{context}] {end}{msg}' }),
    ),
  );
}
