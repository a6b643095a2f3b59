import { describe, expect, it } from '@jest/globals';
import { TransferGarbage } from './transfer-garbage.js';

describe('TransferGarbage', () => {
  it('collects once for every 4 MiB that passed, over all transfers', () => {
    let collected = 0;
    const garbage = new TransferGarbage(() => void (collected += 1));

    for (let chunk = 0; chunk < 63; chunk++) garbage.note(65_536);
    expect(collected).toBe(0);
    garbage.note(65_536);
    expect(collected).toBe(1);
    for (let chunk = 0; chunk < 128; chunk++) garbage.note(65_536);
    expect(collected).toBe(3);
  });

  it('needs no start flag, and leaves no gc behind', () => {
    new TransferGarbage().note(8 * 1024 ** 2);

    expect((globalThis as { gc?: unknown }).gc).toBeUndefined();
  });
});
