import { describe, expect, it } from '@jest/globals';
import { decodeRecord, encodeRecord, freezeRecord, MAX_RECORD_BYTES } from './object-record.js';

const record = freezeRecord({
  key: 'variants/ä"\\ö',
  generation: '0123456789abcdef',
  bytes: 12_345,
  sha256: 'ab'.repeat(32),
  contentType: 'image/webp',
  createdAt: 1_767_225_600_000,
  attributes: { width: 640, etag: '"x"', fresh: true },
});

describe('a record', () => {
  it('comes back as it was written, frozen', () => {
    const decoded = decodeRecord(encodeRecord(record).toString('utf8'));

    expect(decoded).toEqual({ state: 'ok', record });
    expect(Object.isFrozen(decoded.state === 'ok' && decoded.record.attributes)).toBe(true);
  });

  it('is corrupt with any one bit flipped', () => {
    const whole = encodeRecord(record);
    const unnoticed: string[] = [];
    for (let bit = 0; bit < whole.byteLength * 8; bit++) {
      const damaged = Buffer.from(whole);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (decodeRecord(damaged.toString('utf8')).state !== 'corrupt')
        unnoticed.push(damaged.toString('latin1'));
    }

    expect(unnoticed).toEqual([]);
  });

  it('fits the read buffer at the bounds of its parts', () => {
    const largest = freezeRecord({
      ...record,
      key: `uploads/${'\u0001'.repeat(1016)}`,
      contentType: '"'.repeat(255),
      attributes: { note: 'n'.repeat(8 * 1024 - 11) },
    });

    expect(encodeRecord(largest).byteLength).toBeLessThan(MAX_RECORD_BYTES);
  });
});
