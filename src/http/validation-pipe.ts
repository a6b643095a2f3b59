import { StandardSchemaValidationPipe, type PipeTransform } from '@nestjs/common';
import { PlimsollError } from '../errors/index.js';

/** Most issues named in one answer; a hostile body can have thousands. */
const MAX_ISSUES = 5;

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Validates what a route declares by schema; its issues become one `invalid-parameter`. */
export function createValidationPipe(): PipeTransform {
  return new StandardSchemaValidationPipe({
    exceptionFactory: (issues) =>
      new PlimsollError('invalid-parameter', issues.slice(0, MAX_ISSUES).map(sentence).join(' ')),
  });
}

function sentence(issue: Issue): string {
  const name = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
  const text = issue.message.replace(/\.?$/, '.');
  return name === '' ? text : `${name}: ${text}`;
}
