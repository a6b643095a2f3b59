import { describe, expect, it } from '@jest/globals';
import { AllowedHosts } from './allowed-hosts.js';

describe('AllowedHosts', () => {
  describe('when an entry is a name', () => {
    const hosts = new AllowedHosts(['Images.Internal', 'minio.internal:9000']);

    it('allows exactly this name, at 80 and 443 without a port and at its port alone with one', () => {
      expect(hosts.allowsName('images.internal', 80)).toBe(true);
      expect(hosts.allowsName('images.internal', 443)).toBe(true);
      expect(hosts.allowsName('images.internal', 8080)).toBe(false);
      expect(hosts.allowsName('minio.internal', 9000)).toBe(true);
      expect(hosts.allowsName('minio.internal', 80)).toBe(false);
    });

    it.each(['evilimages.internal', 'images.internal.evil.com', 'a.images.internal', 'internal', ''])(
      'does not take "%s" for it',
      (name) => {
        expect(hosts.allowsName(name, 80)).toBe(false);
      },
    );
  });

  describe('when an entry is *.domain', () => {
    const hosts = new AllowedHosts(['*.x.com', '*.cdn.example:8443']);

    it('allows the names below it and not the domain itself', () => {
      expect(hosts.allowsName('a.x.com', 443)).toBe(true);
      expect(hosts.allowsName('a.b.x.com', 443)).toBe(true);
      expect(hosts.allowsName('x.com', 443)).toBe(false);
      expect(hosts.allowsName('netflix.com', 443)).toBe(false);
      expect(hosts.allowsName('a.cdn.example', 8443)).toBe(true);
      expect(hosts.allowsName('a.cdn.example', 443)).toBe(false);
    });
  });

  describe('when an entry is an address or a range', () => {
    const hosts = new AllowedHosts([
      '10.1.0.0/16',
      '192.168.1.5',
      '127.0.0.1:3000',
      '[fd00::1]:8080',
      '[fd00::2]',
      'fd12::/16',
    ]);

    it.each([
      ['10.0.255.255', 80, false],
      ['10.1.0.0', 80, true],
      ['10.1.255.255', 443, true],
      ['10.2.0.0', 80, false],
      ['10.1.0.1', 8080, false],
      ['192.168.1.5', 80, true],
      ['192.168.1.6', 80, false],
      ['127.0.0.1', 3000, true],
      ['127.0.0.1', 80, false],
      ['127.0.0.2', 3000, false],
      ['fd00::1', 8080, true],
      ['fd00::1', 80, false],
      ['fd00::2', 443, true],
      ['fd12:ffff::1', 80, true],
      ['fd13::1', 80, false],
      ['::ffff:10.1.2.3', 80, true],
      ['::ffff:10.2.2.3', 80, false],
      ['not an address', 80, false],
    ])('answers for %s at port %i: %s', (address, port, expected) => {
      expect(hosts.allowsAddress(address, port)).toBe(expected);
    });

    it('is no rule for names', () => {
      expect(hosts.allowsName('192.168.1.5', 80)).toBe(false);
    });
  });

  it('knows whether any entry opens a port', () => {
    const hosts = new AllowedHosts(['127.0.0.1:3000']);

    expect(hosts.allowsPort(3000)).toBe(true);
    expect(hosts.allowsPort(3001)).toBe(false);
    expect(new AllowedHosts([]).allowsPort(80)).toBe(false);
  });

  it.each([
    '10.0.0.0/99',
    'host:0',
    'host:70000',
    '1.2.3.4:99999',
    'a b',
    '*',
    'http://host',
    '[::1',
    '*.*.com',
  ])('stops the start for the entry "%s"', (entry) => {
    expect(() => new AllowedHosts([entry])).toThrow(`FETCH_ALLOWED_HOSTS must hold only`);
  });
});
