import { GatewayError } from '../core/gateway-error.js';

const SHOWN_CHARS = 200;

/**
 * `INVALID_REQUEST` for a schema that cannot be used.
 *
 * @param path JSON pointer to the place in the schema that is wrong.
 * @param what what is wrong, as a sentence without its full stop.
 */
export function invalidSchema(path: string, what: string): GatewayError {
  const where = path === '' ? '' : `at ${shortened(path)}: `;
  return refusedSchema({ message: `The schema cannot be used: ${where}${shortened(what)}.`, path });
}

/** Why a schema was refused, as it crosses from thread to thread. */
export interface Refusal {
  readonly message: string;
  /** JSON pointer. */
  readonly path: string;
}

/** The error for a refusal. */
export function refusedSchema({ message, path }: Refusal): GatewayError {
  return new GatewayError('INVALID_REQUEST', message, {
    metadata: { field: 'schema', schemaPath: shortened(path) },
  });
}

function shortened(text: string): string {
  return text.length <= SHOWN_CHARS ? text : `${text.slice(0, SHOWN_CHARS)}...`;
}
