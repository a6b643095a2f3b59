import { describe, expect, it } from '@jest/globals';
import { clientKey } from './client-key.js';

describe('who is charged', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::ffff', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
    ['unknown', 'unknown'],
  ])('%s is charged as %s', (address, key) => {
    expect(clientKey(address)).toBe(key);
  });

  it('bounds what is no address', () => {
    expect(clientKey('x'.repeat(10_000))).toHaveLength(64);
  });
});
