import { describe, expect, it } from '@jest/globals';
import { isPublicAddress } from './public-address.js';

/** First and last address of each range that is not public, with its neighbours where those are public. */
const IPV4 = [
  { range: '0.0.0.0/8', before: undefined, first: '0.0.0.0', last: '0.255.255.255', after: '1.0.0.0' },
  {
    range: '10.0.0.0/8',
    before: '9.255.255.255',
    first: '10.0.0.0',
    last: '10.255.255.255',
    after: '11.0.0.0',
  },
  {
    range: '100.64.0.0/10',
    before: '100.63.255.255',
    first: '100.64.0.0',
    last: '100.127.255.255',
    after: '100.128.0.0',
  },
  {
    range: '127.0.0.0/8',
    before: '126.255.255.255',
    first: '127.0.0.0',
    last: '127.255.255.255',
    after: '128.0.0.0',
  },
  {
    range: '169.254.0.0/16',
    before: '169.253.255.255',
    first: '169.254.0.0',
    last: '169.254.255.255',
    after: '169.255.0.0',
  },
  {
    range: '172.16.0.0/12',
    before: '172.15.255.255',
    first: '172.16.0.0',
    last: '172.31.255.255',
    after: '172.32.0.0',
  },
  {
    range: '192.0.0.0/24',
    before: '191.255.255.255',
    first: '192.0.0.0',
    last: '192.0.0.255',
    after: '192.0.1.0',
  },
  {
    range: '192.0.2.0/24',
    before: '192.0.1.255',
    first: '192.0.2.0',
    last: '192.0.2.255',
    after: '192.0.3.0',
  },
  {
    range: '192.88.99.0/24',
    before: '192.88.98.255',
    first: '192.88.99.0',
    last: '192.88.99.255',
    after: '192.88.100.0',
  },
  {
    range: '192.168.0.0/16',
    before: '192.167.255.255',
    first: '192.168.0.0',
    last: '192.168.255.255',
    after: '192.169.0.0',
  },
  {
    range: '198.18.0.0/15',
    before: '198.17.255.255',
    first: '198.18.0.0',
    last: '198.19.255.255',
    after: '198.20.0.0',
  },
  {
    range: '198.51.100.0/24',
    before: '198.51.99.255',
    first: '198.51.100.0',
    last: '198.51.100.255',
    after: '198.51.101.0',
  },
  {
    range: '203.0.113.0/24',
    before: '203.0.112.255',
    first: '203.0.113.0',
    last: '203.0.113.255',
    after: '203.0.114.0',
  },
  {
    range: '224.0.0.0/4 and 240.0.0.0/4',
    before: '223.255.255.255',
    first: '224.0.0.0',
    last: '255.255.255.255',
    after: undefined,
  },
];

const IPV6 = [
  {
    range: 'below 2000::/3',
    before: undefined,
    first: '::',
    last: '1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    after: undefined,
  },
  {
    range: '2001::/23 (Teredo and others)',
    before: '2000:ffff:ffff:ffff::1',
    first: '2001::',
    last: '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff',
    after: '2001:200::',
  },
  {
    range: '2001:db8::/32',
    before: '2001:db7:ffff::1',
    first: '2001:db8::',
    last: '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
    after: '2001:db9::',
  },
  {
    range: '2002::/16 (6to4)',
    before: '2001:ffff:ffff::1',
    first: '2002::',
    last: '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    after: '2003::',
  },
  {
    range: '3fff::/20',
    before: '3ffe:ffff:ffff::1',
    first: '3fff::',
    last: '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff',
    after: '3fff:1000::',
  },
  {
    range: 'above 2000::/3',
    before: '3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    first: '4000::',
    last: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    after: undefined,
  },
];

describe('isPublicAddress', () => {
  it.each([...IPV4, ...IPV6])('refuses $range and nothing beside it', ({ before, first, last, after }) => {
    expect({ first: isPublicAddress(first), last: isPublicAddress(last) }).toEqual({
      first: false,
      last: false,
    });
    const neighbours = [before, after].filter((address) => address !== undefined);
    expect(neighbours.filter((address) => !isPublicAddress(address))).toEqual([]);
  });

  it.each([
    ['::ffff:127.0.0.1', 'mapped'],
    ['::ffff:7f00:1', 'mapped, in hexadecimal'],
    ['::127.0.0.1', 'IPv4-compatible'],
    ['::7f00:1', 'IPv4-compatible, in hexadecimal'],
    ['::ffff:0:7f00:1', 'translated (RFC 6145)'],
    ['64:ff9b::7f00:1', 'NAT64'],
    ['64:ff9b::a9fe:a9fe', 'NAT64 of the metadata service'],
    ['64:ff9b:1::808:808', 'local NAT64, even of a public address'],
    ['2002:7f00:1::', '6to4'],
    ['2002:808:808::', '6to4, even of a public address'],
    ['2001:0:7f00:1::', 'Teredo'],
    ['2606:4700::5efe:a00:1', 'ISATAP'],
    ['2606:4700::200:5efe:a00:1', 'ISATAP with the universal bit'],
    ['::1', 'loopback'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local with a zone'],
    ['2606:4700::1%eth0', 'any address with a zone'],
    ['fc00::1', 'unique local'],
    ['fec0::1', 'site-local'],
    ['ff02::1', 'multicast'],
    ['100::1', 'discard'],
    ['100:0:0:1::1', 'dummy prefix'],
    ['5f00::1', 'segment routing'],
  ])('refuses %s (%s)', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(['8.8.8.8', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808'])('accepts %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each([
    '',
    'localhost',
    '1',
    '0x7f.1',
    '8.8.8.8.8',
    '8.8.8',
    '08.8.8.8',
    '8.8.8.8/32',
    ' 8.8.8.8',
    'example.com',
  ])('counts what is no address as private: "%s"', (text) => {
    expect(isPublicAddress(text)).toBe(false);
  });
});
