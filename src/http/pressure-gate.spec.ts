import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { MemoryLevel } from '../events/index.js';
import { PressureGate } from './pressure-gate.js';

describe('the pressure gate', () => {
  let level: MemoryLevel;
  let draining: boolean;
  let random: number;
  let gate: PressureGate;
  let server: Server;

  beforeEach(async () => {
    level = 'normal';
    draining = false;
    random = 0;
    gate = new PressureGate(
      () => level,
      () => draining,
      () => random,
    );
    server = createServer((request, response) => {
      if (!gate.refuse(request, response)) response.end('passed');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  async function ask(
    path = '/api/images',
  ): Promise<{ status: number; retryAfter: string | null; connection: string | null }> {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
    await response.arrayBuffer();
    return {
      status: response.status,
      retryAfter: response.headers.get('retry-after'),
      connection: response.headers.get('connection'),
    };
  }

  it.each(['normal', 'coordinate', 'degraded', 'pressure'] as const)('is open at %s', async (now) => {
    level = now;

    expect(await ask()).toMatchObject({ status: 200 });
  });

  it.each([
    ['critical', 0, '5'],
    ['critical', 0.99, '10'],
    ['emergency', 0, '10'],
    ['emergency', 0.5, '15'],
  ] as const)('at %s, with luck %s, asks to wait %s seconds', async (now, luck, seconds) => {
    level = now;
    random = luck;

    expect(await ask()).toEqual({ status: 503, retryAfter: seconds, connection: 'keep-alive' });
    expect(gate.snapshot()).toEqual({ refusedForMemory: 1, refusedWhileDraining: 0 });
  });

  it('closes connections while draining, and lets probes through', async () => {
    draining = true;

    expect(await ask()).toMatchObject({ status: 503, connection: 'close' });
    expect(await ask('/readyz')).toMatchObject({ status: 200 });
    expect(gate.snapshot()).toEqual({ refusedForMemory: 0, refusedWhileDraining: 1 });
  });
});
