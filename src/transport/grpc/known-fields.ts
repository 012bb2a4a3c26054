import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import { GatewayError } from '../../core/gateway-error.js';

/** Throws INVALID_REQUEST that names the place, where a message or one within it has a field of no known number. */
export function assertKnownFields(schema: DescMessage, message: Message): void {
  check(schema, message, '');
}

function check(schema: DescMessage, message: Message, path: string): void {
  const [unknown] = message.$unknown ?? [];
  if (unknown !== undefined) throw refusal(path, unknown.no);
  for (const field of messageFields(schema)) {
    const value = valueOf(message, field);
    if (value === undefined) continue;
    const at = path === '' ? field.name : `${path}.${field.name}`;
    if (field.fieldKind === 'message') check(field.message, value as Message, at);
    else
      for (const [index, one] of (value as Message[]).entries()) check(field.message, one, `${at}[${index}]`);
  }
}

function refusal(path: string, number: number): GatewayError {
  const place = path === '' ? 'The message' : `"${path}"`;
  return new GatewayError(
    'INVALID_REQUEST',
    `${place} has a field that this gateway does not know: number ${number}.`,
    path === '' ? {} : { metadata: { field: path } },
  );
}

function valueOf(message: Message, { localName, oneof }: DescField): unknown {
  const fields = message as unknown as Readonly<Record<string, unknown>>;
  if (oneof === undefined) return fields[localName];
  const choice = fields[oneof.localName] as { readonly case: string | undefined; readonly value?: unknown };
  return choice.case === localName ? choice.value : undefined;
}

type MessageField = DescField & { readonly fieldKind: 'message' | 'list'; readonly message: DescMessage };

const nested = new WeakMap<DescMessage, readonly MessageField[]>();

/** The fields that hold messages. JSON documents are none: their fields have names, not numbers. */
function messageFields(schema: DescMessage): readonly MessageField[] {
  let fields = nested.get(schema);
  if (fields === undefined) {
    fields = schema.fields.filter(
      (field): field is MessageField =>
        (field.fieldKind === 'message' || field.fieldKind === 'list') &&
        field.message !== undefined &&
        field.message.typeName !== 'google.protobuf.Struct',
    );
    nested.set(schema, fields);
  }
  return fields;
}
