import type { z } from 'zod';
import { invalidBody } from '../service/invalid-body.js';

type Standard<S extends z.ZodType> = Pick<S, '~standard'>;

/**
 * The schema of a body for `@Body({ schema })`: validates and documents as the schema itself, but says `invalid-body`,
 * where the server's pipe knows queries only and says `invalid-parameter`.
 */
export function bodySchema<S extends z.ZodType>(schema: S): Standard<S> {
  const standard = schema['~standard'];
  const validate: typeof standard.validate = async (value, options) => {
    const result = await standard.validate(value, options);
    if (result.issues !== undefined) throw invalidBody(result.issues);
    return result;
  };
  return { '~standard': { ...standard, validate } };
}
