import type { GatewayError } from '../core/gateway-error.js';
import type { JsonValue } from '../core/json.js';
import { boundedSchema, type BoundedSchema } from './bounded-schema.js';
import { MAX_SCHEMA_ERRORS } from './compiled-schema.js';
import { invalidSchema } from './invalid-schema.js';
import { makeValidator, unsoundness, type Validator, type ValidatorTerms } from './schema-validators.js';
import { unsoundPlace } from './unsound-place.js';

/** A schema that keeps to the rules of its dialect, and its validator, which finds all that is wrong. */
export interface SoundSchema {
  readonly bounded: BoundedSchema;
  readonly validator: Validator;
}

/** Makes a schema's validator from the schema's text. Throws `INVALID_REQUEST` where the schema cannot be used. */
export function soundSchema(text: string): SoundSchema {
  const bounded = boundedSchema(text);
  const unsound = unsoundness(bounded.dialect, JSON.parse(bounded.text) as JsonValue);
  if (unsound !== undefined) throw invalidSchema(unsound.path, unsound.message);
  try {
    return { bounded, validator: makeValidator(validatorTerms(bounded, true)) };
  } catch (thrown) {
    throw uncompilable(bounded, thrown);
  }
}

/** How a validator of a schema is made. */
export function validatorTerms(
  { dialect, text }: Pick<BoundedSchema, 'dialect' | 'text'>,
  allErrors: boolean,
): ValidatorTerms {
  return { dialect, text, allErrors, maxErrors: MAX_SCHEMA_ERRORS };
}

function uncompilable({ source }: BoundedSchema, thrown: unknown): GatewayError {
  // The bounds on schemas leave one way to overflow the stack: references that lead to nothing but themselves.
  if (thrown instanceof RangeError) return invalidSchema('', 'its references lead back to themselves');
  const said = { message: thrown instanceof Error ? thrown.message : String(thrown), path: '' };
  const { path, message } = unsoundPlace(source, said);
  return invalidSchema(path, message);
}
