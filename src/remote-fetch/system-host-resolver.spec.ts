import { describe, expect, it } from '@jest/globals';
import { SystemHostResolver } from './system-host-resolver.js';

describe('SystemHostResolver', () => {
  it('gives every address of a name of the hosts file', async () => {
    const addresses = await new SystemHostResolver().resolve('localhost');

    expect(addresses.map(({ address }) => address)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^(127\.0\.0\.1|::1)$/)]),
    );
  });

  it('joins equal names that are asked at once and keeps nothing afterwards', async () => {
    const resolver = new SystemHostResolver();

    const first = resolver.resolve('localhost');
    const second = resolver.resolve('localhost');
    expect(second).toBe(first);
    await first;

    const third = resolver.resolve('localhost');
    expect(third).not.toBe(first);
    await third;
  });

  it('refuses more names at once than its bound', async () => {
    const resolver = new SystemHostResolver();
    const running = Array.from({ length: 64 }, (_, index) => resolver.resolve(`127.0.0.${index + 1}`));

    await expect(resolver.resolve('127.0.0.100')).rejects.toMatchObject({ code: 'server-busy' });

    await Promise.all(running);
    await expect(resolver.resolve('127.0.0.100')).resolves.toEqual([{ address: '127.0.0.100', family: 4 }]);
  });
});
