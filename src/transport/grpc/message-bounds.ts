import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { GatewayError } from '../../core/gateway-error.js';

/** How much a message may hold. */
export interface WireBounds {
  readonly maxValues: number;
  readonly maxDepth: number;
}

/**
 * Counts the values of a message on its bytes, before anything is built: two bytes can become an object of a hundred.
 * Texts and bytes are jumped over. Throws INVALID_REQUEST above the bound; what is no valid message throws anything.
 */
export function assertWithin(
  schema: DescMessage,
  bytes: Uint8Array,
  { maxValues, maxDepth }: WireBounds,
): void {
  const reader = new BinaryReader(bytes);
  let left = maxValues;
  const take = (values: number): void => {
    left -= values;
    if (left < 0)
      throw new GatewayError('INVALID_REQUEST', `The message holds more than ${maxValues} values.`);
  };
  const message = (desc: DescMessage, end: number, depth: number): void => {
    if (depth > maxDepth) throw new GatewayError('INVALID_REQUEST', 'The message is nested too deeply.');
    const fields = fieldsByNumber(desc);
    while (reader.pos < end) {
      const [number, wireType] = reader.tag();
      take(1);
      value(fields.get(number), number, wireType, depth);
    }
  };
  const value = (field: DescField | undefined, number: number, wireType: WireType, depth: number): void => {
    if (wireType !== WireType.LengthDelimited || field === undefined) {
      reader.skip(wireType, number);
      return;
    }
    const length = reader.uint32();
    const end = reader.pos + length;
    if (field.fieldKind === 'map') entry(field, end, depth);
    else if (field.message !== undefined) message(field.message, end, depth + 1);
    else if (isPacked(field)) take(length);
    reader.pos = end;
  };
  const entry = (field: DescField & { fieldKind: 'map' }, end: number, depth: number): void => {
    while (reader.pos < end) {
      const [number, wireType] = reader.tag();
      if (number !== MAP_VALUE || field.message === undefined || wireType !== WireType.LengthDelimited) {
        reader.skip(wireType, number);
        continue;
      }
      const length = reader.uint32();
      message(field.message, reader.pos + length, depth + 1);
    }
  };
  message(schema, bytes.byteLength, 1);
}

/** Number of the value's field within the entry of a map (protobuf.dev, "Backwards compatibility" of maps). */
const MAP_VALUE = 2;

function isPacked(field: DescField): boolean {
  return field.fieldKind === 'list' && field.packed;
}

const numbered = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();

function fieldsByNumber(desc: DescMessage): ReadonlyMap<number, DescField> {
  let fields = numbered.get(desc);
  if (fields === undefined) {
    fields = new Map(desc.fields.map((field) => [field.number, field]));
    numbered.set(desc, fields);
  }
  return fields;
}
