import { PlimsollError } from '../../errors/index.js';
import { PARAMETERS, type ParameterName } from './parameter-table.js';

/** Values in messages are cut here: enough to recognise, too short to carry a page or a token. */
const QUOTED_CHARACTERS = 40;

/** `text` in quotes, control characters escaped, cut to a bounded length. */
export function quote(text: string): string {
  return JSON.stringify(text.length > QUOTED_CHARACTERS ? `${text.slice(0, QUOTED_CHARACTERS)}…` : text);
}

/** The values of these are never repeated in a message: they may hold secrets. */
const SECRET: ReadonlySet<ParameterName> = new Set(['url', 'sig', 'exp']);

/** A value that a parameter may not have. `allowed` replaces the text of the table where it knows more. */
export function invalidParameter(
  name: ParameterName,
  got: string,
  allowed: string = PARAMETERS[name].allowed,
): PlimsollError {
  const suffix = SECRET.has(name) ? '' : `, got ${quote(got)}`;
  return new PlimsollError('invalid-parameter', `Parameter "${name}" must be ${allowed}${suffix}.`, {
    details: { parameter: name },
  });
}

/** Parameters that do not go together; `sentence` names them. */
export function conflictingParameter(name: ParameterName, sentence: string): PlimsollError {
  return new PlimsollError('invalid-parameter', sentence, { details: { parameter: name } });
}
