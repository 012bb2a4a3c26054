import {
  fromJson,
  ScalarType,
  toBinary,
  type DescField,
  type DescMessage,
  type JsonObject,
  type Message,
} from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence, StructSchema, ValueSchema } from '@bufbuild/protobuf/wkt';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** Writes a value; of which type is known from the field alone. */
type Write = (writer: BinaryWriter, value: unknown) => void;
type Fields = Readonly<Record<string, unknown>>;

/** What messages may grow the shared buffer to; one that needs more has a buffer of its own. */
const MAX_SHARED_BYTES = 262_144;
let shared = new BinaryWriter();

/**
 * The bytes of a message, the same as of the library's `toBinary`. That grows a new buffer for each message, from 128
 * bytes on, which costs more than all else that is done to encode an answer (docs/adr/0012); this one is kept. Throws a
 * TypeError for types of fields that answers do not have.
 */
export function messageBytes(schema: DescMessage, message: Message): Uint8Array {
  const writer = shared;
  // What throws half-way leaves its bytes behind.
  shared = new BinaryWriter();
  messageWriter(schema)(writer, message);
  const bytes = writer.finish();
  if (bytes.byteLength <= MAX_SHARED_BYTES) shared = writer;
  return bytes;
}

const writers = new WeakMap<DescMessage, Write>();

function messageWriter(schema: DescMessage): Write {
  const present = writers.get(schema);
  if (present !== undefined) return present;
  const fields: Write[] = [];
  const write: Write = (writer, message) => {
    for (const field of fields) field(writer, message);
  };
  // Before its fields are looked at: messages may contain themselves.
  writers.set(schema, write);
  for (const field of schema.fields.toSorted((left, right) => left.number - right.number))
    fields.push(fieldWriter(field));
  return write;
}

function fieldWriter(field: DescField): Write {
  switch (field.fieldKind) {
    case 'list':
      return listWriter(field);
    case 'map':
      return mapWriter(field);
    case 'scalar':
    case 'enum':
    case 'message':
      return field.oneof === undefined ? singularWriter(field) : choiceWriter(field, field.oneof.localName);
  }
}

function singularWriter(field: DescField): Write {
  const { localName, number } = field;
  const { type, write } = valueWriter(field);
  const implicit = field.presence === FeatureSet_FieldPresence.IMPLICIT;
  return (writer, message) => {
    const value = (message as Fields)[localName];
    if (value === undefined || (implicit && isZero(value))) return;
    write(writer.tag(number, type), value);
  };
}

function choiceWriter(field: DescField, oneof: string): Write {
  const { localName, number } = field;
  const { type, write } = valueWriter(field);
  return (writer, message) => {
    const choice = (message as Fields)[oneof] as { readonly case?: string; readonly value?: unknown };
    if (choice.case === localName) write(writer.tag(number, type), choice.value);
  };
}

function listWriter(field: DescField & { fieldKind: 'list' }): Write {
  const { localName, number, packed } = field;
  const { type, write } = valueWriter(field);
  return (writer, message) => {
    const values = (message as Fields)[localName] as readonly unknown[];
    if (values.length === 0) return;
    if (packed) writer.tag(number, WireType.LengthDelimited).fork();
    for (const value of values) write(packed ? writer : writer.tag(number, type), value);
    if (packed) writer.join();
  };
}

/** Numbers of the fields of a map's entry (protobuf.dev, "Backwards compatibility" of maps). */
const MAP_KEY = 1;
const MAP_VALUE = 2;

function mapWriter(field: DescField & { fieldKind: 'map' }): Write {
  const { localName, number, mapKey } = field;
  if (mapKey !== ScalarType.STRING) throw unknownType(field);
  const { type, write } = valueWriter(field);
  return (writer, message) => {
    for (const [key, value] of Object.entries((message as Fields)[localName] as Fields)) {
      writer.tag(number, WireType.LengthDelimited).fork().tag(MAP_KEY, WireType.LengthDelimited).string(key);
      write(writer.tag(MAP_VALUE, type), value);
      writer.join();
    }
  };
}

interface ValueWriter {
  readonly type: WireType;
  /** Writes the value behind its tag. */
  readonly write: Write;
}

function valueWriter(field: DescField): ValueWriter {
  if (field.message !== undefined) {
    return {
      type: WireType.LengthDelimited,
      write: isDocument(field) ? documentWriter : nestedWriter(field.message),
    };
  }
  if (field.enum !== undefined) return INT32;
  const found = field.scalar === undefined ? undefined : SCALARS[field.scalar];
  if (found === undefined) throw unknownType(field);
  return found;
}

function nestedWriter(schema: DescMessage): Write {
  const write = messageWriter(schema);
  return (writer, message) => {
    writer.fork();
    write(writer, message);
    writer.join();
  };
}

/** JSON objects are plain objects in every message but those that they are made of. */
function isDocument({ message, parent }: DescField): boolean {
  return message?.typeName === StructSchema.typeName && parent.typeName !== ValueSchema.typeName;
}

const documentWriter: Write = (writer, document) =>
  writer.bytes(toBinary(StructSchema, fromJson(StructSchema, document as JsonObject)));

const INT32: ValueWriter = { type: WireType.Varint, write: (writer, value) => writer.int32(value as number) };

const SCALARS: Readonly<Partial<Record<ScalarType, ValueWriter>>> = {
  [ScalarType.INT32]: INT32,
  [ScalarType.INT64]: { type: WireType.Varint, write: (writer, value) => writer.int64(value as bigint) },
  [ScalarType.BOOL]: { type: WireType.Varint, write: (writer, value) => writer.bool(value as boolean) },
  [ScalarType.DOUBLE]: { type: WireType.Bit64, write: (writer, value) => writer.double(value as number) },
  [ScalarType.FLOAT]: { type: WireType.Bit32, write: (writer, value) => writer.float(value as number) },
  [ScalarType.STRING]: {
    type: WireType.LengthDelimited,
    write: (writer, value) => writer.string(value as string),
  },
  [ScalarType.BYTES]: {
    type: WireType.LengthDelimited,
    write: (writer, value) => writer.bytes(value as Uint8Array),
  },
};

/** Whether a value is that of a field that was not set: without explicit presence it is not sent. */
function isZero(value: unknown): boolean {
  return (
    value === '' ||
    value === false ||
    value === 0n ||
    Object.is(value, 0) ||
    (value instanceof Uint8Array && value.byteLength === 0)
  );
}

function unknownType(field: DescField): TypeError {
  return new TypeError(`${field.toString()} is of a type that answers do not have.`);
}
