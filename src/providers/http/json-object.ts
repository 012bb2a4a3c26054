import { GatewayError } from '../../core/gateway-error.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';

/** Parses one JSON object; throws UPSTREAM_PROTOCOL for anything else. */
export function parseObject(text: string): JsonObject {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw new GatewayError('UPSTREAM_PROTOCOL', 'The upstream answered with broken JSON.', { cause });
  }
  if (!isJsonObject(value))
    throw new GatewayError('UPSTREAM_PROTOCOL', 'The upstream answered with no JSON object.');
  return value;
}
