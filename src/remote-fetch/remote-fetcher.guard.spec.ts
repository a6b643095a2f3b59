import { createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FetchHarness, memoryBytes } from '../../test/support/fetch-harness.js';

describe('RemoteFetcher, as a guard', () => {
  let harness: FetchHarness;

  beforeEach(async () => {
    harness = new FetchHarness();
    await harness.origin.start();
    harness.origin.serve('/a', 'bytes');
  });

  afterEach(async () => {
    expect(await harness.close()).toEqual([]);
  });

  it.each([
    'http://2130706433/',
    'http://[::ffff:127.0.0.1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://[64:ff9b:1::7f00:1]/',
    'http://[2002:7f00:1::]/',
    'http://[2001:0:7f00:1::]/',
    'http://[::1]/',
    'http://[::]/',
    'http://[fe80::1]/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://127.1/',
    'http://127.0.0.1/',
    'http://127.0.0.1./',
    'http://0.0.0.0/',
    'http://0/',
    'http://169.254.169.254/latest/meta-data/',
    'http://10.0.0.1/',
    'http://100.64.0.1/',
    'http://198.18.0.1/',
    'https://192.168.0.1/',
    'http://255.255.255.255/',
    'http://１２７.0.0.1/',
  ])('refuses %s without asking the DNS', async (url) => {
    const fetcher = harness.fetcher();

    await expect(fetcher.fetch(harness.request(url))).rejects.toMatchObject({ code: 'url-not-allowed' });

    expect(harness.lookups).toEqual([]);
    expect(fetcher.snapshot()).toMatchObject({ connections: 0, negativeEntries: 0 });
  });

  it.each([
    ['localhost', ['127.0.0.1', '::1']],
    ['localhost.', ['127.0.0.1']],
    ['one-bad-of-many.test', ['8.8.8.8', '2606:4700::1111', '10.0.0.1']],
    ['mapped.test', ['::ffff:10.0.0.1']],
    ['strange.test', ['not an address']],
  ])('refuses the name %s, which resolves to %j', async (name, addresses) => {
    harness.name(name.replace(/\.$/, ''), addresses);

    await expect(harness.fetcher().fetch(harness.request(`http://${name}/`))).rejects.toMatchObject({
      code: 'url-not-allowed',
      message: expect.not.stringContaining('10.0.0.1'),
    });
  });

  it('refuses other schemes, other ports and credentials', async () => {
    const fetcher = harness.fetcher();
    const refused = async (url: string, code: string): Promise<void> =>
      await expect(fetcher.fetch(harness.request(url))).rejects.toMatchObject({ code });

    await refused('ftp://example.com/', 'unsupported-url-scheme');
    await refused('file:///etc/passwd', 'unsupported-url-scheme');
    await refused('http://example.com:8080/', 'url-not-allowed');
    await refused('http://example.com:22/', 'url-not-allowed');
    await refused(`http://example.com:${harness.origin.port}/`, 'origin-unreachable');
    await refused('http://user:secret@example.com/', 'url-not-allowed');
    await refused('example.com/a', 'invalid-parameter');

    expect(harness.lookups).toEqual(['example.com']);
  });

  it('refuses another port of a public address that only some other host may use', async () => {
    harness.name('public.test', ['8.8.8.8']);

    await expect(
      harness.fetcher().fetch(harness.request(`http://public.test:${harness.origin.port}/`)),
    ).rejects.toMatchObject({ code: 'url-not-allowed' });
  });

  describe('when FETCH_ALLOWED_HOSTS opens a private address', () => {
    it.each([
      ['the address and port', (port: number) => `127.0.0.1:${port}`],
      ['the name and port', (port: number) => `photos.test:${port}`],
      ['names below a domain', (port: number) => `*.test:${port}`],
    ])('fetches by %s, with the name in the Host header', async (_name, allow) => {
      const { port } = harness.origin;
      harness.name('photos.test', ['127.0.0.1']);
      const fetcher = harness.fetcher({ FETCH_ALLOWED_HOSTS: `other.example,${allow(port)}` });

      const outcome = await fetcher.fetch(harness.request(`http://photos.test:${port}/a`));

      expect(memoryBytes(outcome).toString()).toBe('bytes');
      expect(harness.origin.lastHeaders.get('/a')?.host).toBe(`photos.test:${port}`);
    });

    it('compares hosts whole, never by a part of them', async () => {
      const { port } = harness.origin;
      const fetcher = harness.fetcher({ FETCH_ALLOWED_HOSTS: `photos.test:${port}` });

      for (const name of ['xphotos.test', 'photos.test.evil', 'a.photos.test']) {
        harness.name(name, ['127.0.0.1']);
        await expect(fetcher.fetch(harness.request(`http://${name}:${port}/a`))).rejects.toMatchObject({
          code: 'url-not-allowed',
        });
      }
      expect(harness.origin.requests()).toBe(0);
    });
  });

  describe('when the DNS changes its answer', () => {
    it('asks once for a fetch and connects to the address that it checked', async () => {
      harness.name('rebind.test', ['127.0.0.1'], ['169.254.169.254']);
      const fetcher = harness.fetcher();
      const url = `http://rebind.test:${harness.origin.port}/a`;

      const first = await fetcher.fetch(harness.request(url));

      // No real DNS knows the name: a second lookup anywhere below would have failed.
      expect(memoryBytes(first).toString()).toBe('bytes');
      expect(harness.lookups).toEqual(['rebind.test']);
    });

    it('refuses the next fetch although a connection to the old address is idle', async () => {
      harness.name('rebind.test', ['127.0.0.1'], ['169.254.169.254']);
      const fetcher = harness.fetcher();
      const url = `http://rebind.test:${harness.origin.port}/a`;
      await fetcher.fetch(harness.request(url));

      await expect(fetcher.fetch(harness.request(url))).rejects.toMatchObject({ code: 'url-not-allowed' });

      expect(harness.origin.requests()).toBe(1);
    });

    it('uses no idle connection to an address that the name has no more', async () => {
      const { port } = harness.origin;
      harness.name('moved.test', ['127.0.0.1'], ['127.0.0.9']);
      const fetcher = harness.fetcher({ FETCH_ALLOWED_HOSTS: `moved.test:${port}` });
      await fetcher.fetch(harness.request(`http://moved.test:${port}/a`));

      await expect(fetcher.fetch(harness.request(`http://moved.test:${port}/a`))).rejects.toMatchObject({
        code: 'origin-unreachable',
      });

      expect(harness.origin.requests()).toBe(1);
    });

    it('checks again on the next hop of the same fetch', async () => {
      harness.name('rebind.test', ['127.0.0.1'], ['127.0.0.2']);
      harness.origin.redirect('/hop', '/a');

      await expect(
        harness.fetcher().fetch(harness.request(`http://rebind.test:${harness.origin.port}/hop`)),
      ).rejects.toMatchObject({ code: 'url-not-allowed' });

      expect(harness.origin.requests('/a')).toBe(0);
    });

    it('tries the other addresses of the name when one does not answer', async () => {
      harness.name('many.test', ['127.0.0.9', '127.0.0.1']);
      const { port } = harness.origin;
      const fetcher = harness.fetcher({ FETCH_ALLOWED_HOSTS: `many.test:${port}` });

      const outcome = await fetcher.fetch(harness.request(`http://many.test:${port}/a`));

      expect(memoryBytes(outcome).toString()).toBe('bytes');
    });
  });

  describe('when the origin redirects', () => {
    it('follows five hops, counts each, and names the last URL', async () => {
      harness.origin
        .redirect('/1', '2', 301)
        .redirect('/2', '/3', 302)
        .redirect('/3', harness.origin.url('/4'), 303);
      harness.origin.redirect('/4', '/5?q=1', 307).redirect('/5', '/a#part', 308);

      const outcome = await harness.fetcher().fetch(harness.request('/1'));

      expect(outcome.finalUrl).toBe(harness.origin.url('/a'));
      expect(harness.origin.requests()).toBe(6);
    });

    it('gives up at the sixth', async () => {
      harness.origin.endlessRedirects('/r');

      await expect(harness.fetcher().fetch(harness.request('/r'))).rejects.toMatchObject({
        code: 'too-many-redirects',
      });

      expect(harness.origin.requests()).toBe(6);
    });

    it('gives up as soon as they go in a circle', async () => {
      harness.origin.redirect('/x', '/y').redirect('/y', '/x').redirect('/self', '/self#again');

      await expect(harness.fetcher().fetch(harness.request('/x'))).rejects.toMatchObject({
        code: 'too-many-redirects',
      });
      expect(harness.origin.requests()).toBe(2);
      await expect(harness.fetcher().fetch(harness.request('/self'))).rejects.toMatchObject({
        code: 'too-many-redirects',
      });
    });

    it.each([
      'http://169.254.169.254/latest/meta-data/',
      'http://[::1]/',
      'http://2130706433/',
      'http://inner.test/',
      'http://example.com:25/',
      'ftp://example.com/',
      'file:///etc/passwd',
      'http://user:secret@example.com/',
    ])('refuses to be led to %s, and remembers nothing of it', async (location) => {
      harness.name('inner.test', ['10.0.0.1']);
      harness.origin.redirect('/out', location);
      const fetcher = harness.fetcher();

      await expect(fetcher.fetch(harness.request('/out'))).rejects.toMatchObject({ code: 'url-not-allowed' });

      expect(fetcher.snapshot().negativeEntries).toBe(0);
    });
  });

  describe('when PUBLIC_URL is set', () => {
    it.each(['http://img.example.com/x', 'https://img.example.com/api/images', 'https://img.example.com./'])(
      'never fetches itself: %s',
      async (url) => {
        const fetcher = harness.fetcher({
          PUBLIC_URL: 'https://img.example.com',
          FETCH_ALLOWED_HOSTS: 'img.example.com',
        });

        await expect(fetcher.fetch(harness.request(url))).rejects.toMatchObject({ code: 'url-not-allowed' });
        expect(harness.lookups).toEqual([]);
      },
    );

    it('is not led to itself by a redirect, and takes no other host for itself', async () => {
      const fetcher = harness.fetcher({ PUBLIC_URL: `http://self.test:${harness.origin.port}` });
      harness.name('my-self.test', ['127.0.0.1']);
      harness.origin.redirect('/out', `http://self.test:${harness.origin.port}/a`);

      await expect(fetcher.fetch(harness.request('/out'))).rejects.toMatchObject({ code: 'url-not-allowed' });
      await fetcher.fetch(harness.request(`http://my-self.test:${harness.origin.port}/a`));
    });
  });

  it('speaks TLS to the pinned address under the name of the origin', async () => {
    let hello = '';
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (bytes) => {
        hello = bytes.toString('latin1');
        socket.destroy();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    harness.name('secure.test', ['127.0.0.1']);
    const fetcher = harness.fetcher({ FETCH_ALLOWED_HOSTS: `secure.test:${port}` });

    await expect(fetcher.fetch(harness.request(`https://secure.test:${port}/`))).rejects.toMatchObject({
      code: 'origin-unreachable',
    });

    expect(hello).toContain('secure.test');
    expect(hello).not.toContain('h2');
    await new Promise((resolve) => server.close(resolve));
  });
});
