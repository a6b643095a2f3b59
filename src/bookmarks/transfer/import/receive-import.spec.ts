import { describe, expect, it } from '@jest/globals';
import { Readable, Writable } from 'node:stream';
import { AbortedError } from '../../../errors/index.js';
import type { FormatHints } from '../readers/detect-format.js';
import { receiveImport, type ImportHeaders } from './receive-import.js';

class Collector extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString('latin1');
    done();
  }
}

const FORM = 'multipart/form-data; boundary=b';
const part = (name: string, content: string, fileName?: string): string =>
  `--b\r\nContent-Disposition: form-data; name="${name}"${fileName === undefined ? '' : `; filename="${fileName}"`}\r\n` +
  `${fileName === undefined ? '' : 'Content-Type: text/html\r\n'}\r\n${content}\r\n`;

async function receive(
  body: string | Readable,
  headers: ImportHeaders,
  maxBytes = 1_000,
  signal = new AbortController().signal,
): Promise<{ text: string; hints: FormatHints }> {
  const sink = new Collector();
  let hints: FormatHints = {};
  const stream = typeof body === 'string' ? Readable.from([Buffer.from(body)]) : body;
  await receiveImport(stream, headers, sink, maxBytes, (found) => (hints = found), signal);
  return { text: sink.text, hints };
}

describe('receiveImport', () => {
  it.each([
    'text/html; charset=utf-8',
    'TEXT/CSV',
    'text/plain',
    'application/json',
    'application/x-ndjson',
    'application/vnd.x+json',
    'application/octet-stream',
  ])('takes a raw body of type %s', async (type) => {
    expect(await receive('bytes', { 'content-type': type })).toEqual({
      text: 'bytes',
      hints: { contentType: type },
    });
  });

  it.each([
    undefined,
    '',
    'image/png',
    'application/zip',
    'application/x-www-form-urlencoded',
    'multipart/mixed',
  ])('refuses the type %s', async (type) => {
    await expect(receive('bytes', { 'content-type': type })).rejects.toMatchObject({
      code: 'unsupported-media-type',
    });
  });

  it('takes the file of a form, with its name', async () => {
    const body = `${part('note', 'x')}${part('file', 'the bytes', 'a.html')}--b--\r\n`;

    expect(await receive(body, { 'content-type': FORM })).toEqual({
      text: 'the bytes',
      hints: { fileName: 'a.html', contentType: 'text/html' },
    });
  });

  it.each<[string, string, string]>([
    ['has no file', `${part('note', 'x')}--b--\r\n`, 'invalid-body'],
    ['ends too early', part('file', 'the bytes', 'a.html').slice(0, -9), 'invalid-body'],
    ['is none', 'nothing of the kind', 'invalid-body'],
    ['has too large a file', `${part('file', 'x'.repeat(2_000), 'a.html')}--b--\r\n`, 'body-too-large'],
  ])('refuses a form that %s', async (_what, body, code) => {
    await expect(receive(body, { 'content-type': FORM })).rejects.toMatchObject({ code });
  });

  it('takes as many bytes as are allowed, and not one more', async () => {
    const type = { 'content-type': 'text/html' };

    expect((await receive('x'.repeat(1_000), type)).text).toHaveLength(1_000);
    await expect(receive('x'.repeat(1_001), type)).rejects.toMatchObject({
      code: 'body-too-large',
      message: 'The file must not be larger than 1000 bytes (IMPORT_MAX_BYTES).',
    });
    await expect(receive('x', { ...type, 'content-length': '1001' })).rejects.toMatchObject({
      code: 'body-too-large',
    });
  });

  it.each([
    ['a raw body', { 'content-type': 'text/html' }, 'some bytes'],
    ['a form', { 'content-type': FORM }, part('file', 'some bytes', 'a.html')],
  ])('says that the client left when %s breaks off', async (_what, headers, beginning) => {
    const body = new Readable({ read: () => undefined });
    body.push(Buffer.from(beginning));
    const controller = new AbortController();
    const result = receive(body, headers, 1_000, controller.signal);
    const refused = expect(result).rejects.toBeInstanceOf(AbortedError);
    await new Promise((resolve) => void setImmediate(resolve));

    controller.abort();
    await refused;
  });
});
