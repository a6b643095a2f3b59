import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SystemClock } from '../clock/index.js';
import { ConnectionDrain } from './connection-drain.js';

const BODY = Buffer.alloc(16 * 1024 ** 2, 1);

describe('draining a server', () => {
  let server: Server;
  let drain: ConnectionDrain;
  let answer: (response: ServerResponse) => void;

  beforeEach(async () => {
    server = createServer((_request, response) => {
      drain.started(response);
      response.once('close', () => drain.ended(response));
      answer(response);
    });
    drain = new ConnectionDrain(server, new SystemClock());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(() => {
    expect(server.listening).toBe(false);
    expect(drain.connectionCount).toBe(0);
    expect(drain.runningCount).toBe(0);
    server.close();
  });

  const port = (): number => (server.address() as AddressInfo).port;

  it('closes connections on which nothing runs', async () => {
    const socket = connect(port(), '127.0.0.1');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await new Promise((resolve) => server.once('connection', resolve));

    expect(await drain.drain(5_000)).toBe(0);

    await closed;
  });

  it('lets an answer that has ended, but waits for a slow reader, arrive whole', async () => {
    answer = (response) => void response.end(BODY);
    const socket = connect(port(), '127.0.0.1');
    let received = 0;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const asked = new Promise((resolve) => server.once('request', resolve));
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await asked;

    const drained = drain.drain(10_000);
    await new Promise((resolve) => setImmediate(resolve));
    socket.on('data', (chunk) => (received += chunk.length));
    await closed;

    expect(await drained).toBe(0);
    expect(received).toBeGreaterThanOrEqual(BODY.length);
  });

  it('cuts what runs past the deadline and counts it', async () => {
    answer = () => undefined;
    const socket = connect(port(), '127.0.0.1');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const asked = new Promise((resolve) => server.once('request', resolve));
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await asked;

    expect(await drain.drain(0)).toBe(1);

    await closed;
  });
});
