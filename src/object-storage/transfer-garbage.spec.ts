import { describe, expect, it } from '@jest/globals';
import { TransferGarbage } from './transfer-garbage.js';

/** Bytes of a transfer that is long enough to count. */
const LONG = 8 * 1024 ** 2;

describe('TransferGarbage', () => {
  it('collects once for every 4 MiB of long transfers, over all of them', () => {
    let collected = 0;
    const garbage = new TransferGarbage(() => void (collected += 1));

    for (let chunk = 0; chunk < 63; chunk++) garbage.note(65_536, LONG);
    expect(collected).toBe(0);
    garbage.note(65_536, LONG);
    expect(collected).toBe(1);
    for (let chunk = 0; chunk < 128; chunk++) garbage.note(65_536, LONG);
    expect(collected).toBe(3);
  });

  it('leaves short transfers to V8', () => {
    let collected = 0;
    const garbage = new TransferGarbage(() => void (collected += 1));

    for (let chunk = 0; chunk < 1_000; chunk++) garbage.note(65_536, 6 * 1024 ** 2 - 1);

    expect(collected).toBe(0);
  });

  it('needs no start flag, and leaves no gc behind', () => {
    new TransferGarbage().note(LONG, LONG);

    expect((globalThis as { gc?: unknown }).gc).toBeUndefined();
  });
});
