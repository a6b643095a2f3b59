import { isIP } from 'node:net';
import { PlimsollError } from '../../errors/index.js';
import { parseUrl } from '../../url/index.js';

/** The site of an icon, as it is asked for and kept. */
export interface IconDomain {
  /** Host in lower case and punycode, with the port where one was named. */
  readonly host: string;
  /** The same without the port and without the brackets of IPv6. */
  readonly hostname: string;
}

/** Longest spelling that is looked at, characters: 253 of a name in a script that punycode makes longer, and a port. */
const MAX_CHARACTERS = 300;

const MAX_HOST_CHARACTERS = 253;

/** What a host may be written with; the rest of an URL is none of it. */
const NO_HOST = /[\s/\\?#@%]/;

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/**
 * The site that the path of a request names. Whether it may be fetched is for the fetcher to say: an address, however
 * it is written, comes out as what it is.
 *
 * @throws PlimsollError `invalid-parameter`
 */
export function parseIconDomain(text: string): IconDomain {
  if (text.length > MAX_CHARACTERS || NO_HOST.test(text)) throw noDomain();
  const url = parseUrl(`http://${text}/`);
  if (url === undefined) throw noDomain();
  const isWhole = url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  const hostname = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname.replace(/\.$/, '');
  if (!isWhole || !isHost(hostname)) throw noDomain();
  const bracketed = isIP(hostname) === 6 ? `[${hostname}]` : hostname;
  // The ports that a browser would use are tried anyway.
  const hasPort = url.port !== '' && url.port !== '443';
  return { host: hasPort ? `${bracketed}:${url.port}` : bracketed, hostname };
}

/** Its front page, better address first. */
export const pageUrls = ({ host }: IconDomain): readonly string[] => [`https://${host}/`, `http://${host}/`];

function isHost(hostname: string): boolean {
  if (isIP(hostname) !== 0) return true;
  return hostname.length <= MAX_HOST_CHARACTERS && hostname.split('.').every((label) => LABEL.test(label));
}

const noDomain = (): PlimsollError =>
  new PlimsollError(
    'invalid-parameter',
    'The domain must be a host name such as example.com, without scheme, path or credentials.',
    { details: { parameter: 'domain' } },
  );
