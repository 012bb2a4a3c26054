import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from '@jest/globals';
import {
  EmbedResponseSchema,
  GenerateRequestSchema,
  GenerateStreamRequestSchema,
} from '../../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { decode } from '../../../../src/transport/grpc/grpc.codec.js';
import { assertWithin } from '../../../../src/transport/grpc/message-bounds.js';

const bounds = { maxJsonDepth: 20, maxValues: 1_000 };
const invalid = (message: string | RegExp) =>
  expect.objectContaining({ reason: 'INVALID_REQUEST', message: expect.stringMatching(message) });

describe('decode', () => {
  it('gives the message', () => {
    const message = create(GenerateRequestSchema, { task: 'chat', schema: { type: 'object', n: [1, null] } });
    expect(decode(GenerateRequestSchema, toBinary(GenerateRequestSchema, message), bounds)).toEqual(message);
    expect(decode(GenerateRequestSchema, new Uint8Array(), bounds)).toEqual(create(GenerateRequestSchema));
  });

  it.each([
    ['cut off', [0x0a, 5, 0x61]],
    ['of no tag', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ['of an end of a group that never began', [0x0c]],
  ])('refuses bytes that are %s, without quoting them', (_what, bytes) => {
    expect(() => decode(GenerateRequestSchema, Uint8Array.from(bytes), bounds)).toThrow(
      invalid(/^The message is no valid GenerateRequest\.$/),
    );
  });

  it('names the place of an unknown field in a message within', () => {
    const unknown = new BinaryWriter().tag(999, WireType.Varint).uint32(1).finish();
    const request = new BinaryWriter().tag(8, WireType.LengthDelimited).bytes(unknown).finish();
    const bytes = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(request).finish();
    expect(() => decode(GenerateStreamRequestSchema, bytes, bounds)).toThrow(
      expect.objectContaining({
        message: '"request.generation" has a field that this gateway does not know: number 999.',
        metadata: { field: 'request.generation' },
      }),
    );
  });

  it('bounds the depth of JSON, and no less than it says', () => {
    const nested = (levels: number): never => (levels === 0 ? 1 : [nested(levels - 1)]) as never;
    const bytes = (levels: number) =>
      toBinary(
        GenerateStreamRequestSchema,
        create(GenerateStreamRequestSchema, { request: { extra: { a: nested(levels) } } }),
      );
    expect(() => decode(GenerateStreamRequestSchema, bytes(19), bounds)).not.toThrow();
    expect(() => decode(GenerateStreamRequestSchema, bytes(30), bounds)).toThrow(invalid(/too deeply/));
  });
});

describe('assertWithin', () => {
  const within = (maxValues: number) => ({ maxValues, maxDepth: 100 });
  const tags = (count: number, number: number) => {
    const writer = new BinaryWriter();
    for (let one = 0; one < count; one += 1) writer.tag(number, WireType.LengthDelimited).uint32(0);
    return writer.finish();
  };

  it('counts fields, messages and elements of lists, wherever they are', () => {
    const parts = tags(50, 2);
    const bytes = new BinaryWriter().tag(4, WireType.LengthDelimited).bytes(parts).finish();
    expect(() => assertWithin(GenerateRequestSchema, bytes, within(51))).not.toThrow();
    expect(() => assertWithin(GenerateRequestSchema, bytes, within(50))).toThrow(
      invalid(/more than 50 values/),
    );
  });

  it('counts the elements of packed lists', () => {
    const values = toBinary(
      EmbedResponseSchema,
      create(EmbedResponseSchema, { embeddings: [{ values: Array.from({ length: 100 }, () => 1) }] }),
    );
    // 4 bytes each, counted as if one: a list of small numbers has one byte for each.
    expect(() => assertWithin(EmbedResponseSchema, values, within(300))).toThrow(invalid(/values/));
    expect(() => assertWithin(EmbedResponseSchema, values, within(500))).not.toThrow();
  });

  it('counts the values within maps', () => {
    const bytes = toBinary(
      GenerateRequestSchema,
      create(GenerateRequestSchema, { extra: { a: { b: [1, 2, 3], c: { d: null } } } }),
    );
    expect(() => assertWithin(GenerateRequestSchema, bytes, within(5))).toThrow(invalid(/values/));
    expect(() => assertWithin(GenerateRequestSchema, bytes, within(50))).not.toThrow();
  });

  it('does not count what texts and bytes consist of', () => {
    const bytes = toBinary(
      GenerateRequestSchema,
      create(GenerateRequestSchema, { prompt: 'x'.repeat(10_000) }),
    );
    expect(() => assertWithin(GenerateRequestSchema, bytes, within(1))).not.toThrow();
  });

  it('goes no deeper than it may', () => {
    let bytes = new Uint8Array();
    // google.protobuf.Value of a list of values, over and over.
    for (let level = 0; level < 300; level += 1) {
      const list = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(bytes).finish();
      bytes = new BinaryWriter().tag(6, WireType.LengthDelimited).bytes(list).finish();
    }
    const entry = new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(bytes).finish();
    const extra = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(entry).finish();
    const request = new BinaryWriter().tag(14, WireType.LengthDelimited).bytes(extra).finish();
    expect(() => assertWithin(GenerateRequestSchema, request, within(1_000_000))).toThrow(
      invalid(/too deeply/),
    );
  });
});
