import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ServerProcess } from '../support/server-process.js';

const MIB = 1024 ** 2;
const LINE_BYTES = 200 * MIB;
/** A reader that kept the line, as bytes or as text, would need at least all of it. */
const MOST_RISE_BYTES = 64 * MIB;
const PATIENCE_MS = 120_000;

/** Named parts of a file: what stands before the endless line, what it is made of, and what stands behind it. */
interface Shape {
  readonly type: string;
  readonly head: string;
  readonly filling: string;
  readonly tail: string;
  /** Bookmarks that are read all the same. */
  readonly found: number;
}

const SHAPES: readonly (readonly [string, Shape])[] = [
  [
    'text of a Netscape file',
    {
      type: 'text/html',
      head: '<!DOCTYPE NETSCAPE-Bookmark-file-1><DL><DT><A HREF="https://e.org/1">one</A><DD>',
      filling: 'words and words ',
      tail: '<DT><A HREF="https://e.org/2">two</A></DL>',
      found: 2,
    },
  ],
  [
    'an attribute of a Netscape file',
    {
      type: 'text/html',
      head: '<!DOCTYPE NETSCAPE-Bookmark-file-1><DL><DT><A HREF="https://e.org/1">one</A><DT><A HREF="https://e.org/x" TAGS="',
      filling: 'tag,tag,tag,tag,',
      tail: '">x</A><DT><A HREF="https://e.org/2">two</A></DL>',
      found: 2,
    },
  ],
  [
    'a string of JSON',
    {
      type: 'application/json',
      head: '{"bookmarks":[{"content":{"type":"link","url":"https://e.org/1"}},{"content":{"type":"link","url":"https://e.org/x","htmlContent":"',
      filling: 'words and words ',
      tail: '"}},{"content":{"type":"link","url":"https://e.org/2"}}]}',
      found: 2,
    },
  ],
  [
    'a line of JSON lines',
    {
      type: 'application/x-ndjson',
      head: '{"url":"https://e.org/1"}\n{"url":"https://e.org/x","note":"',
      filling: 'words and words ',
      tail: '"}\n{"url":"https://e.org/2"}\n',
      found: 2,
    },
  ],
  [
    'a list of addresses',
    {
      type: 'text/plain',
      head: 'https://e.org/1\nhttps://e.org/',
      filling: 'words-and-words-',
      tail: '\nhttps://e.org/2\n',
      found: 2,
    },
  ],
  // Nobody can tell where the next row begins: what came before is kept.
  [
    'a cell of CSV',
    {
      type: 'text/csv',
      head: 'url,title\nhttps://e.org/1,one\nhttps://e.org/x,"',
      filling: 'words and words ',
      tail: '"\nhttps://e.org/2,two\n',
      found: 1,
    },
  ],
];

describe('a file of 200 MB on one line', () => {
  let server: ServerProcess;
  let dataDir: string;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-line-'));
    server = await ServerProcess.start({ DATA_DIR: dataDir, ENRICHMENT: 'off', THROTTLE: 'off' });
    // What is loaded at first use is not what is measured.
    for (const [, shape] of SHAPES) await send('?dryRun=true', shape, MIB);
  });

  afterAll(async () => {
    expect(await server.stop()).toBe(0);
    await rm(dataDir, { recursive: true, force: true });
  });

  /** Streams the file, made while it is sent; @returns the answer. */
  async function send(
    query: string,
    { type, head, filling, tail }: Shape,
    lineBytes: number,
  ): Promise<{ status: number | undefined; body: Record<string, unknown> }> {
    const piece = Buffer.from(filling.repeat((64 * 1024) / filling.length));
    const pieces = function* (): Generator<Buffer> {
      yield Buffer.from(head);
      for (let bytes = 0; bytes < lineBytes; bytes += piece.length) yield piece;
      yield Buffer.from(tail);
    };
    const asked = request(`${server.url}/api/bookmarks/import${query}`, {
      method: 'POST',
      headers: { 'content-type': type },
    });
    const answered = new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      asked.once('error', reject);
      asked.once('response', (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.once('end', () => resolve({ status: response.statusCode, text }));
      });
    });
    await pipeline(Readable.from(pieces()), asked);
    const { status, text } = await answered;
    return { status, body: JSON.parse(text) as Record<string, unknown> };
  }

  /** The operation once it has ended. */
  async function endOf(operation: string): Promise<{ readonly state: string }> {
    for (;;) {
      const job = (await (await fetch(`${server.url}${operation}`)).json()) as { readonly state: string };
      if (['done', 'failed', 'cancelled'].includes(job.state)) return job;
      await pause(50);
    }
  }

  const rssOf = async (line: 'VmRSS' | 'VmHWM'): Promise<number> => {
    const status = await readFile(`/proc/${server.pid}/status`, 'utf8');
    return Number(new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  };

  /** How far resident memory rises above its start while the work goes on, bytes. */
  async function riseOf(work: () => Promise<void>): Promise<number> {
    // Forgets the highest value so far.
    await writeFile(`/proc/${server.pid}/clear_refs`, '5');
    const before = await rssOf('VmRSS');
    await work();
    return (await rssOf('VmHWM')) - before;
  }

  it.each(SHAPES)(
    'is read in constant memory, and so is what stands around it: %s',
    async (_what, shape) => {
      const rise = await riseOf(async () => {
        const { status, body } = await send('?dryRun=true', shape, LINE_BYTES);
        expect([status, body]).toEqual([
          200,
          expect.objectContaining({ counts: expect.objectContaining({ new: shape.found, failed: 0 }) }),
        ]);
      });

      expect(rise).toBeLessThan(MOST_RISE_BYTES);
    },
    PATIENCE_MS,
  );

  it(
    'is imported in constant memory',
    async () => {
      const [[, shape]] = SHAPES as [(typeof SHAPES)[0]];
      const rise = await riseOf(async () => {
        const { status, body } = await send('', shape, LINE_BYTES);
        expect(status).toBe(202);
        expect(await endOf(String(body['operation']))).toMatchObject({
          state: 'done',
          result: { counts: { created: 2, failed: 0 } },
        });
      });

      expect(rise).toBeLessThan(MOST_RISE_BYTES);
    },
    PATIENCE_MS,
  );
});
