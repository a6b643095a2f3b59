import { Readable, Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { AbortedError, PlimsollError } from '../../errors/index.js';
import { receiveBody, type BodyHeaders } from './receive-body.js';

const BOUNDARY = 'a-boundary';
const FORM = `multipart/form-data; boundary=${BOUNDARY}`;

/** What was written, and how it ended. */
class Collector extends Writable {
  readonly chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.chunks.push(Buffer.from(chunk));
    done();
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }
}

const part = (name: string, content: string, fileName?: string): string =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${fileName === undefined ? '' : `; filename="${fileName}"`}\r\n` +
  `${fileName === undefined ? '' : 'Content-Type: image/png\r\n'}\r\n${content}\r\n`;
const form = (...parts: string[]): string => `${parts.join('')}--${BOUNDARY}--\r\n`;

/** In pieces of `size` characters, so that boundaries are torn apart. */
const inPieces = (text: string, size: number): Readable =>
  Readable.from(
    Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
      Buffer.from(text.slice(index * size, (index + 1) * size), 'latin1'),
    ),
  );

interface Received {
  readonly sink: Collector;
  readonly result: Promise<void>;
}

function receive(
  body: string | Readable,
  headers: BodyHeaders,
  { maxBytes = 1_000, signal = new AbortController().signal, sink = new Collector() } = {},
): Received {
  const stream = typeof body === 'string' ? inPieces(body, 7) : body;
  return { sink, result: receiveBody(stream, headers, sink, maxBytes, signal) };
}

const expectCode = async ({ result, sink }: Received, code: string, isTouched = true): Promise<void> => {
  await expect(result).rejects.toMatchObject({ code });
  // A sink that was in use is never left open; a refusal before the first byte does not touch it.
  expect(sink.destroyed).toBe(isTouched);
};

describe('receiveBody', () => {
  describe('of a raw body', () => {
    it.each([
      'image/jpeg',
      'IMAGE/JPEG',
      'image/svg+xml; charset=utf-8',
      'image/vnd.some-thing',
      'application/octet-stream',
    ])('takes %s', async (type) => {
      const { sink, result } = receive('the bytes', { 'content-type': type });
      await result;

      expect(sink.text).toBe('the bytes');
      expect(sink.writableFinished).toBe(true);
    });

    it.each([
      undefined,
      '',
      'text/html',
      'image/',
      'imagejpeg',
      'application/json',
      'image/png x',
      'multipart/mixed',
    ])('refuses the type %s before it reads anything', async (type) => {
      const body = inPieces('the bytes', 3);

      await expectCode(receive(body, { 'content-type': type }), 'unsupported-media-type', false);
      expect(body.readableDidRead).toBe(false);
    });

    it('takes as many bytes as are allowed, and not one more', async () => {
      const type = { 'content-type': 'image/png' };
      const { sink, result } = receive('x'.repeat(100), type, { maxBytes: 100 });
      await result;

      expect(sink.text).toHaveLength(100);
      await expectCode(receive('x'.repeat(101), type, { maxBytes: 100 }), 'body-too-large');
    });

    it('refuses an announced length before it reads anything', async () => {
      const body = inPieces('the bytes', 3);
      const headers = { 'content-type': 'image/png', 'content-length': '101' };

      await expectCode(receive(body, headers, { maxBytes: 100 }), 'body-too-large', false);
      expect(body.readableDidRead).toBe(false);
    });

    it('counts what comes, whatever length was announced', async () => {
      const headers = { 'content-type': 'image/png', 'content-length': '5' };

      await expectCode(receive('x'.repeat(101), headers, { maxBytes: 100 }), 'body-too-large');
    });

    it('takes an empty body; what it holds is for others to say', async () => {
      const { sink, result } = receive(Readable.from([]), { 'content-type': 'image/png' });
      await result;

      expect(sink.text).toBe('');
      expect(sink.writableFinished).toBe(true);
    });
  });

  describe('of a form', () => {
    const headers = { 'content-type': FORM };

    it.each([1, 2, 5, 64, 10_000])('takes the part named file, in pieces of %i', async (size) => {
      const text = form(part('note', 'x'), part('file', 'the\r\n--bytes', 'a.png'), part('more', 'y'));

      const { sink, result } = receive(inPieces(text, size), headers);
      await result;

      expect(sink.text).toBe('the\r\n--bytes');
      expect(sink.writableFinished).toBe(true);
    });

    it.each([
      ['a quoted boundary', `multipart/form-data; boundary="${BOUNDARY}"`],
      ['capitals', `Multipart/Form-Data; Boundary=${BOUNDARY}`],
      ['another parameter', `multipart/form-data; charset=utf-8; boundary=${BOUNDARY}`],
    ])('understands %s', async (_what, type) => {
      const { sink, result } = receive(form(part('file', 'bytes', 'a.png')), { 'content-type': type });
      await result;

      expect(sink.text).toBe('bytes');
    });

    it('takes a file with an empty name of zero bytes as an empty file, not as none', async () => {
      const { sink, result } = receive(form(part('file', '', 'empty.png')), headers);
      await result;

      expect(sink.text).toBe('');
      expect(sink.writableFinished).toBe(true);
    });

    it('takes the first of two files', async () => {
      const text = form(part('file', 'first', 'a.png'), part('file', 'second', 'b.png'));
      const { sink, result } = receive(text, headers);
      await result;

      expect(sink.text).toBe('first');
    });

    it('counts the file, not what stands around it', async () => {
      const text = form(part('note', 'n'.repeat(500)), part('file', 'x'.repeat(100), 'a.png'));
      const { sink, result } = receive(text, headers, { maxBytes: 100 });
      await result;

      expect(sink.text).toHaveLength(100);
      await expectCode(
        receive(form(part('file', 'x'.repeat(101), 'a.png')), headers, { maxBytes: 100 }),
        'body-too-large',
      );
    });

    it('allows an announced length some room for what stands around the file', async () => {
      const text = form(part('file', 'x'.repeat(100), 'a.png'));
      const announced = (length: number) => ({ ...headers, 'content-length': String(length) });
      const { result } = receive(text, announced(text.length), { maxBytes: 100 });
      await result;

      await expectCode(receive(text, announced(100 + 65 * 1024), { maxBytes: 100 }), 'body-too-large', false);
    });

    it.each<[string, string]>([
      ['no part at all', form()],
      ['no part named file', form(part('note', 'x'))],
      ['another file', form(part('avatar', 'bytes', 'a.png'))],
      ['file as a mere field', form(part('file', 'bytes'))],
    ])('refuses one with %s, and leaves the sink unused', async (_what, text) => {
      await expectCode(receive(text, headers), 'invalid-body', false);
    });

    it.each<[string, string, BodyHeaders]>([
      ['without a boundary', form(part('file', 'x', 'a.png')), { 'content-type': 'multipart/form-data' }],
      ['that is empty', '', headers],
      ['that is something else', 'not a form at all', headers],
    ])('refuses one %s', async (_what, text, given) => {
      await expectCode(receive(text, given), 'invalid-body', false);
    });

    it.each([
      ['inside the file', part('file', 'the bytes', 'a.png').slice(0, -6)],
      ['before the last boundary', part('file', 'the bytes', 'a.png')],
    ])('refuses one that ends %s', async (_what, text) => {
      await expectCode(receive(text, headers), 'invalid-body');
    });

    it('does not mind many fields; it keeps none of them', async () => {
      const fields = Array.from({ length: 7 }, (_, index) => part(`field-${index}`, 'v'.repeat(5_000)));
      const { sink, result } = receive(
        inPieces(form(...fields, part('file', 'bytes', 'a.png')), 1_000),
        headers,
      );
      await result;

      expect(sink.text).toBe('bytes');
    });
  });

  describe.each([
    ['a raw body', { 'content-type': 'image/png' }, 'some bytes'],
    ['a form', { 'content-type': FORM }, part('file', 'some bytes', 'a.png')],
  ])('when %s does not arrive', (_what, headers, beginning) => {
    const stalled = (): Readable => {
      const body = new Readable({ read: () => undefined });
      body.push(Buffer.from(beginning));
      return body;
    };
    const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

    it('says that it was aborted when the client is gone, and lets go of both ends', async () => {
      const body = stalled();
      const controller = new AbortController();
      const { sink, result } = receive(body, headers, { signal: controller.signal });
      const refused = expect(result).rejects.toBeInstanceOf(AbortedError);
      await turn();

      controller.abort();
      await refused;

      expect([body.destroyed, sink.destroyed]).toEqual([true, true]);
    });

    it('says that it was aborted when the connection breaks', async () => {
      const body = stalled();
      const { sink, result } = receive(body, headers);
      const refused = expect(result).rejects.toBeInstanceOf(AbortedError);
      await turn();

      body.destroy();
      await refused;

      expect(sink.destroyed).toBe(true);
    });

    it('passes on what the sink has to say', async () => {
      const full = new PlimsollError('storage-unavailable', 'No space.');
      const sink = new Collector();
      sink._write = (_chunk, _encoding, done: (error?: Error) => void) => done(full);
      const body = stalled();
      body.push(Buffer.from(`\r\n--${BOUNDARY}--\r\n`));
      body.push(null);

      await expect(receive(body, headers, { sink }).result).rejects.toBe(full);
    });
  });
});
