import type { JsonValue } from '../../core/json.js';
import { invalid, textAt } from './request-fields.js';

/** As Google has it (2026-11); anything else it refuses without saying which. */
const FUNCTION_NAME = /^[A-Za-z_][\w.:-]{0,127}$/;

/** The name of a function. Throws INVALID_REQUEST for one that Google does not take. */
export function functionNameAt(value: JsonValue | undefined, path: string): string {
  const name = textAt(value, path);
  if (FUNCTION_NAME.test(name)) return name;
  throw invalid(
    path,
    'must begin with a letter or "_" and hold letters, digits, "_", ".", ":" and "-", at most 128',
  );
}
