import { Logger } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { loadSettings } from '../config/index.js';
import { createLogger, type PinoLogger } from './pino-logger.js';

const MACHINE = { containerLimitBytes: null, totalMemoryBytes: 8 * 1024 ** 3, heapLimitBytes: 1024 ** 3 };

describe('the logger', () => {
  const lines: Record<string, unknown>[] = [];
  const make = (level: string): Promise<PinoLogger> =>
    createLogger(loadSettings({ LOG_LEVEL: level }, MACHINE), {
      write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
    });

  afterEach(() => {
    Logger.overrideLogger(false);
    lines.length = 0;
  });

  it('writes what rooms log, with their name', async () => {
    Logger.overrideLogger(await make('info'));
    const room = new Logger('Room');

    room.log('hello');
    room.warn({ message: 'figures', bytes: 5 });
    room.error(new Error('broke'));

    expect(lines).toMatchObject([
      { level: 'info', context: 'Room', msg: 'hello' },
      { level: 'warn', context: 'Room', msg: 'figures', bytes: 5 },
      {
        level: 'error',
        context: 'Room',
        msg: 'Error: broke',
        stack: expect.stringContaining('pino-logger.spec'),
      },
    ]);
    expect(lines[0]).not.toHaveProperty('stack');
  });

  it('keeps what lies under its level, and the chatter of the frame', async () => {
    const logger = await make('info');

    logger.debug('quiet', 'Room');
    logger.log('Mapped {/api} route', 'RouterExplorer');

    expect(lines).toEqual([]);
  });

  it('masks members that hold secrets', async () => {
    const logger = await make('info');

    logger.log({
      message: 'request',
      headers: { authorization: 'Bearer secret', cookie: 'secret' },
      token: 'secret',
    });

    expect(JSON.stringify(lines)).not.toContain('secret');
  });
});
