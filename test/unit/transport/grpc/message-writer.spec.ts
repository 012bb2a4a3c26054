import {
  create,
  ScalarType,
  toBinary,
  type DescField,
  type DescMessage,
  type Message,
  type MessageInitShape,
} from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence, UInt32ValueSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  GeminiGateway,
  GenerateResponseSchema,
} from '../../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { Health } from '../../../../src/transport/grpc/gen/grpc/health/v1/health_pb.js';
import { messageBytes } from '../../../../src/transport/grpc/message-writer.js';

const SCALARS: Partial<Record<ScalarType, fc.Arbitrary<unknown>>> = {
  [ScalarType.STRING]: fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ minLength: 100, maxLength: 400 }),
  ),
  [ScalarType.INT32]: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  [ScalarType.INT64]: fc.oneof(fc.constant(0n), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  [ScalarType.BOOL]: fc.boolean(),
  [ScalarType.DOUBLE]: fc.double({ noNaN: true }),
  [ScalarType.FLOAT]: fc.float({ noNaN: true, noDefaultInfinity: true }),
  [ScalarType.BYTES]: fc.uint8Array({ maxLength: 300 }),
};

/** Any message of a type, nested no deeper than `depth`. */
function anyMessage(schema: DescMessage, depth: number): fc.Arbitrary<Message> {
  const members = schema.members.map((member): [string, fc.Arbitrary<unknown>] => {
    if (member.kind === 'field') return [member.localName, anyField(member, depth)];
    const choices = member.fields.map((field) =>
      anyValue(field, depth).map((value) => ({ case: field.localName, value })),
    );
    return [member.localName, fc.oneof(fc.constant({ case: undefined }), ...choices)];
  });
  return fc
    .record(Object.fromEntries(members))
    .map((fields) => create(schema, fields as MessageInitShape<DescMessage>));
}

function anyField(field: DescField, depth: number): fc.Arbitrary<unknown> {
  const maxLength = 3;
  if (field.fieldKind === 'list')
    return fc.array(anyValue(field, depth), { maxLength: depth > 0 ? maxLength : 0 });
  if (field.fieldKind === 'map')
    return fc.dictionary(fc.string(), anyValue(field, depth), { maxKeys: maxLength });
  return field.fieldKind === 'message' || field.presence === FeatureSet_FieldPresence.EXPLICIT
    ? fc.option(anyValue(field, depth), { nil: undefined })
    : anyValue(field, depth);
}

function anyValue({ message, enum: values, scalar }: DescField, depth: number): fc.Arbitrary<unknown> {
  if (message?.typeName === 'google.protobuf.Struct') return fc.dictionary(fc.string(), fc.jsonValue());
  if (message !== undefined) return depth > 0 ? anyMessage(message, depth - 1) : fc.constant(create(message));
  if (values !== undefined) return fc.constantFrom(...values.values.map(({ number }) => number));
  return SCALARS[scalar ?? ScalarType.STRING] ?? fc.constant(undefined);
}

const answers = [GeminiGateway, Health].flatMap(({ methods }) => methods.map(({ output }) => output));

describe('messageBytes', () => {
  it.each([...new Set(answers)].map((schema) => [schema.name, schema] as const))(
    'are the bytes that the library makes of any %s',
    (_name, schema) => {
      fc.assert(
        fc.property(anyMessage(schema, 4), (message) => {
          expect(Buffer.from(messageBytes(schema, message))).toEqual(Buffer.from(toBinary(schema, message)));
        }),
        { numRuns: 60 },
      );
    },
  );

  it('are a copy of their own: the next message does not change them', () => {
    const one = messageBytes(GenerateResponseSchema, create(GenerateResponseSchema, { text: 'one' }));
    const before = [...one];
    messageBytes(GenerateResponseSchema, create(GenerateResponseSchema, { text: 'two' }));
    expect([...one]).toEqual(before);
  });

  it('are right again after a message that could not be written', () => {
    const broken = create(GenerateResponseSchema, { id: 'x', usage: { totalTokens: 0.5 } });
    expect(() => messageBytes(GenerateResponseSchema, broken)).toThrow('int32');
    const good = create(GenerateResponseSchema, { id: 'y' });
    expect([...messageBytes(GenerateResponseSchema, good)]).toEqual([
      ...toBinary(GenerateResponseSchema, good),
    ]);
  });

  it('are refused for types that answers do not have', () => {
    expect(() => messageBytes(UInt32ValueSchema, create(UInt32ValueSchema, { value: 1 }))).toThrow(TypeError);
  });
});
