import { GatewayError } from '../../core/gateway-error.js';
import type { JsonObject } from '../../core/json.js';

/**
 * Typed fields together with those that the message has no field for. Throws INVALID_REQUEST where `extra` has a field
 * that is typed already: which of the two counts would be a guess.
 */
export function withExtra(own: JsonObject, extra: JsonObject | undefined, path: string): JsonObject {
  if (extra === undefined) return own;
  for (const name of Object.keys(extra)) {
    if (Object.hasOwn(own, name)) {
      const field = path === '' ? `extra.${name}` : `${path}.extra.${name}`;
      throw new GatewayError('INVALID_REQUEST', `"${field}" is given by a field of its own already.`, {
        metadata: { field },
      });
    }
  }
  return { ...extra, ...own };
}
