import { describe, expect, it } from '@jest/globals';
import { turns } from '../../test/support/fetch-harness.js';
import { BodyReader, type ReadBody } from './body-reader.js';

const READ_BYTES = 64 * 1024;

function reader(): { reader: BodyReader; flow: string[]; ends: ReadBody[] } {
  const flow: string[] = [];
  const ends: ReadBody[] = [];
  return {
    flow,
    ends,
    reader: new BodyReader({
      maxBytes: 1_000_000,
      flow: { pause: () => flow.push('pause'), resume: () => flow.push('resume') },
      onChunk: () => 'more',
      onComplete: (body) => ends.push(body),
      onFault: () => undefined,
    }),
  };
}

describe('BodyReader', () => {
  it('lets other work have its turn after each 64 KiB', async () => {
    const { reader: body, flow } = reader();

    body.push(Buffer.alloc(READ_BYTES - 1));
    expect(flow).toEqual([]);
    body.push(Buffer.alloc(1));
    expect(flow).toEqual(['pause']);
    await turns(2);
    expect(flow).toEqual(['pause', 'resume']);
    body.push(Buffer.alloc(READ_BYTES));
    expect(flow).toEqual(['pause', 'resume', 'pause']);
  });

  it('takes what still comes while it waits, and does not resume what is over', async () => {
    const { reader: body, flow, ends } = reader();

    body.push(Buffer.alloc(READ_BYTES));
    body.push(Buffer.alloc(READ_BYTES));
    body.end();
    await turns(2);

    expect(flow).toEqual(['pause']);
    expect(ends).toEqual([{ bytesRead: 2 * READ_BYTES, end: 'whole' }]);
  });

  it('does not resume what was dropped meanwhile', async () => {
    const { reader: body, flow } = reader();

    body.push(Buffer.alloc(READ_BYTES));
    await body.discard();
    await turns(2);

    expect(flow).toEqual(['pause']);
  });
});
