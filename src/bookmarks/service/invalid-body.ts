import { PlimsollError } from '../../errors/index.js';

/** Most issues named in one answer; a hostile body can have thousands. */
const MAX_ISSUES = 5;

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema found wrong with a body, in sentences. */
export function invalidBody(issues: readonly Issue[]): PlimsollError {
  return new PlimsollError('invalid-body', issues.slice(0, MAX_ISSUES).map(sentence).join(' '));
}

function sentence({ message, path = [] }: Issue): string {
  const name = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
  return name === '' ? `The body ${message}.` : `${name}: ${message}.`;
}
