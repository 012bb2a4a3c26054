import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import type { Part } from '../../../../src/core/gemini-wire.js';
import { answerMessage, deltaMessages, doneMessage } from '../../../../src/transport/grpc/answer.mapper.js';
import {
  GenerateResponseSchema,
  GenerateStreamResponseSchema,
  Outcome,
} from '../../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { partMessage } from '../../../../src/transport/grpc/part.mapper.js';
import { int32 } from '../../../../src/transport/grpc/usage.mapper.js';
import type { Answer } from '../../../../src/transport/shared/answers.js';
import { usageFixture } from '../../../helpers/calls.js';

const answer: Answer = {
  id: 'r-1',
  model: 'm',
  finishReason: 'STOP',
  usage: usageFixture(3, 5),
  route: { target: 'p/m', attempts: 2, fallback: true },
  cache: 'bypass',
};

describe('answerMessage', () => {
  it('has every field of an answer in its place, and is what the schema would make', () => {
    const whole: Answer = {
      ...answer,
      modelVersion: 'm-001',
      text: 'hi',
      parts: [{ text: 'hi' }],
      toolCalls: [{ name: 'f', args: { a: 1 } }],
      json: [1, null],
      warnings: ['careful'],
      usage: { ...answer.usage, byModality: { input: { TEXT: 3 }, cached: { IMAGE: 1 } } },
    };
    const message = answerMessage(whole, 'ok');
    expect(create(GenerateResponseSchema, message)).toEqual(message);
    expect(message).toMatchObject({
      id: 'r-1',
      model: 'm',
      modelVersion: 'm-001',
      text: 'hi',
      parts: [{ data: { case: 'text', value: 'hi' } }],
      toolCalls: [{ name: 'f', args: { a: 1 } }],
      json: { kind: { case: 'listValue' } },
      finishReason: 'STOP',
      outcome: Outcome.OK,
      usage: {
        inputTokens: 3,
        outputTokens: 5,
        totalTokens: 8,
        byModality: { input: { TEXT: 3 }, cached: { IMAGE: 1 }, output: {}, toolUse: {} },
      },
      route: { target: 'p/m', attempts: 2, fallback: true },
      cache: 'bypass',
      warnings: ['careful'],
    });
  });

  it('leaves out what an answer does not have', () => {
    const message = answerMessage(answer, 'truncated');
    expect(message).toMatchObject({
      text: '',
      parts: [],
      toolCalls: [],
      warnings: [],
      outcome: Outcome.TRUNCATED,
    });
    expect(message.json).toBeUndefined();
    expect(message.usage?.byModality).toBeUndefined();
  });

  it('tells a document that is null from none', () => {
    expect(answerMessage({ ...answer, json: null }, 'ok').json?.kind.case).toBe('nullValue');
  });
});

describe('messages of a stream', () => {
  it('are a delta for each piece of a chunk, and one done', () => {
    const chunk = {
      candidates: [
        { content: { parts: [{ text: 'a' }, { text: '' }, { text: 'b', thoughtSignature: 's' }] } },
      ],
    };
    const deltas = deltaMessages(chunk);
    expect(deltas.map(({ event }) => event)).toMatchObject([
      { case: 'delta', value: { text: 'a' } },
      { case: 'delta', value: { text: 'b', part: { thoughtSignature: 's' } } },
    ]);
    const done = doneMessage(answer, 'ok');
    expect(done.event).toMatchObject({ case: 'done', value: { id: 'r-1' } });
    for (const message of [...deltas, done])
      expect(create(GenerateStreamResponseSchema, message)).toEqual(message);
  });
});

describe('partMessage', () => {
  it.each<[what: string, part: Part, message: object]>([
    ['a text', { text: 'a' }, { data: { case: 'text', value: 'a' }, thought: false }],
    ['a thought', { text: 'a', thought: true }, { data: { case: 'text', value: 'a' }, thought: true }],
    [
      'an empty text with a signature',
      { text: '', thoughtSignature: 's_-' },
      {
        data: { case: 'text', value: '' },
        thoughtSignature: 's_-',
      },
    ],
    [
      'bytes',
      { inlineData: { mimeType: 'image/png', data: 'AQI=', displayName: 'n' } },
      {
        data: {
          case: 'inlineData',
          value: { mimeType: 'image/png', data: Buffer.from([1, 2]), extra: { displayName: 'n' } },
        },
      },
    ],
    [
      'a file',
      { fileData: { fileUri: 'gs://x' } },
      { data: { case: 'fileData', value: { fileUri: 'gs://x' } } },
    ],
    [
      'a call',
      { functionCall: { id: 'c', name: 'f', args: {}, willContinue: true } },
      {
        data: {
          case: 'functionCall',
          value: { id: 'c', name: 'f', args: {}, extra: { willContinue: true } },
        },
      },
    ],
    [
      'an answer to a call',
      { functionResponse: { name: 'f', response: { ok: 1 } } },
      {
        data: { case: 'functionResponse', value: { name: 'f', response: { ok: 1 } } },
      },
    ],
    [
      'what has no field',
      { executableCode: { code: '1' } },
      {
        data: { case: undefined },
        extra: { executableCode: { code: '1' } },
      },
    ],
    [
      'what is of another type than its field',
      { text: 5 as never, thought: 'yes' as never },
      {
        data: { case: undefined },
        extra: { text: 5, thought: 'yes' },
      },
    ],
    [
      'more than one may be',
      { text: '', functionCall: { name: 'f' } },
      {
        data: { case: 'functionCall', value: { name: 'f' } },
        extra: { text: '' },
      },
    ],
    [
      'an argument list that is none',
      { functionCall: { name: 'f', args: [1] as never } },
      {
        data: { case: 'functionCall', value: { name: 'f', extra: { args: [1] } } },
      },
    ],
  ])('of %s', (_what, part, message) => {
    expect(partMessage(part)).toMatchObject(message);
  });

  it('of a plain text has nothing extra', () => {
    expect(partMessage({ text: 'a' }).extra).toBeUndefined();
  });
});

describe('int32', () => {
  it.each([
    [7, 7],
    [7.9, 7],
    [3e9, 2_147_483_647],
    [0, 0],
  ])('of %d is %d', (count, expected) => {
    expect(int32(count)).toBe(expected);
  });
});
