import { fromBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { GatewayError } from '../../core/gateway-error.js';
import { assertKnownFields } from './known-fields.js';
import { messageBytes } from './message-writer.js';
import { assertWithin } from './message-bounds.js';

/** Bounds on a message that callers send. */
export interface MessageBounds {
  /** Most nested levels of a JSON document within a message. */
  readonly maxJsonDepth: number;
  /** Most values within a message: fields, elements of lists, entries of maps. */
  readonly maxValues: number;
}

// A level of JSON is two of protocol buffers, the object or list and its value; typed messages around it add theirs.
const LEVELS_PER_JSON_LEVEL = 2;
const LEVELS_AROUND = 8;

/**
 * Reads a message. Throws INVALID_REQUEST for bytes that are none, for more than the bounds allow, and for fields that
 * are not known: what a caller sets and the gateway does not know would otherwise be lost in silence.
 */
export function decode<Schema extends DescMessage>(
  schema: Schema,
  bytes: Uint8Array,
  { maxJsonDepth, maxValues }: MessageBounds,
): MessageShape<Schema> {
  const recursionLimit = LEVELS_PER_JSON_LEVEL * maxJsonDepth + LEVELS_AROUND;
  let message: MessageShape<Schema>;
  try {
    // Each value takes a byte or more.
    if (bytes.byteLength > maxValues) assertWithin(schema, bytes, { maxValues, maxDepth: recursionLimit });
    message = fromBinary(schema, bytes, { recursionLimit });
  } catch (thrown) {
    if (thrown instanceof GatewayError) throw thrown;
    const why = thrown instanceof Error && /recursion/.test(thrown.message) ? ', or nested too deeply' : '';
    throw new GatewayError('INVALID_REQUEST', `The message is no valid ${schema.name}${why}.`);
  }
  assertKnownFields(schema, message);
  return message;
}

/** The bytes of a message, as the server takes them. */
export function encode<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): Buffer {
  const { buffer, byteOffset, byteLength } = messageBytes(schema, message);
  return Buffer.from(buffer, byteOffset, byteLength);
}
