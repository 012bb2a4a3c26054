import type { FastifyRequest } from 'fastify';
import { describe, expect, it, jest } from '@jest/globals';
import type { Part } from '../../../../src/core/gemini-wire.js';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import type { JsonObject } from '../../../../src/core/json.js';
import type { CallEntry } from '../../../../src/transport/http/call-entry.js';
import { bindExchange, HttpExchange } from '../../../../src/transport/http/exchange.js';
import type { SignatureCustody } from '../../../../src/transport/http/signature-custody.js';
import type { AskedModels } from '../../../../src/transport/shared/asked-models.js';
import { toGeminiRequest } from '../../../../src/transport/openai-api/chat-request.mapper.js';
import { OpenAiCalls } from '../../../../src/transport/openai-api/openai-calls.js';
import type { RemoteMedia } from '../../../../src/transport/openai-api/remote-media.js';
import { callFixture, chunkFixture, finishFixture, generationOf } from '../../../helpers/calls.js';
import { ManualClock } from '../../../helpers/manual-clock.js';
import { asked } from './fixtures.js';

const principal = { keyId: 'k', tenant: 'tenant-1', team: 't', scopes: [] };

function requestOf(body: JsonObject | undefined): FastifyRequest {
  const request = {
    headers: {},
    ...(body && { body: { text: '', value: body } }),
  } as unknown as FastifyRequest;
  const exchange = new HttpExchange('r-1', undefined, 0);
  exchange.principal = principal;
  bindExchange(request, exchange);
  return request;
}

function callsOf(make: CallEntry['make'], models = [asked('gemini-3.8-flash')]) {
  const order: string[] = [];
  const media = {
    reads: () => true,
    read: jest.fn<RemoteMedia['read']>(() => Promise.resolve(void order.push('media'))),
  };
  const custody = {
    restore: jest.fn<SignatureCustody['restore']>(() => Promise.resolve(void order.push('signatures'))),
    keepCall: jest.fn<SignatureCustody['keepCall']>(() => 'call_1'),
    keepText: jest.fn<SignatureCustody['keepText']>(),
  };
  const entry = {
    make: jest.fn<CallEntry['make']>((request, input) => {
      order.push('call');
      return make(request, input);
    }),
  };
  const calls = new OpenAiCalls(
    entry as unknown as CallEntry,
    { of: () => models } as unknown as AskedModels,
    custody as unknown as SignatureCustody,
    media as unknown as RemoteMedia,
    new ManualClock(1_700_000_000_900),
  );
  return { calls, order, media, custody, entry };
}

const answers = () =>
  Promise.resolve({
    call: callFixture({ id: 'r-1' }),
    generation: generationOf([chunkFixture('x'), finishFixture()]),
  });
const BODY = {
  model: 'gemini-3.8-flash',
  messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://example.com/a' } }] }],
};

describe('OpenAiCalls', () => {
  it('reads media, then puts signatures back, then calls with what became of the request', async () => {
    const { calls, order, media, custody, entry } = callsOf(answers);
    const { context } = await calls.generate(requestOf(BODY), false, toGeminiRequest);
    expect(order).toEqual(['media', 'signatures', 'call']);
    const [remote] = media.read.mock.calls[0]!;
    expect(remote.map(({ path }) => path)).toEqual(['messages[0].content[0].image_url.url']);
    expect(custody.restore).toHaveBeenCalledWith('tenant-1', [], true);
    const input: unknown = entry.make.mock.calls[0]?.[1];
    const contents: unknown = [{ role: 'user', parts: [remote[0]?.part] }];
    expect(input).toMatchObject({
      surface: 'openai',
      operation: 'generate',
      stream: false,
      model: 'gemini-3.8-flash',
      request: { contents },
    });
    expect(context).toMatchObject({ id: 'r-1', createdS: 1_700_000_000, model: 'gemini-3.8-flash' });
  });

  it('keeps signatures for the tenant that asked', async () => {
    const { calls, custody } = callsOf(answers);
    const { context } = await calls.generate(requestOf(BODY), false, toGeminiRequest);
    const part: Part = { functionCall: { name: 'find' } };
    expect(context.keepCall(part)).toBe('call_1');
    context.keepText('msg_1', 'sig');
    const kept: unknown = custody.keepCall.mock.calls;
    expect(kept).toEqual([['tenant-1', part]]);
    expect(custody.keepText).toHaveBeenCalledWith('tenant-1', 'msg_1', 'sig');
  });

  it('says when no model that may answer checks signatures', async () => {
    const { calls, custody } = callsOf(answers, [asked('gemini-2.5-flash')]);
    await calls.generate(requestOf(BODY), false, toGeminiRequest);
    expect(custody.restore).toHaveBeenCalledWith('tenant-1', [], false);
  });

  it('tells a refusal in the words of the request', async () => {
    const field = 'contents[0].parts[0].inlineData.data';
    const { calls } = callsOf(() =>
      Promise.reject(new GatewayError('INVALID_REQUEST', `"${field}" is bad.`, { metadata: { field } })),
    );
    await expect(calls.generate(requestOf(BODY), false, toGeminiRequest)).rejects.toMatchObject({
      message: '"messages[0].content[0].image_url.url" is bad.',
    });
  });

  it('refuses an empty body', async () => {
    const { calls } = callsOf(answers);
    await expect(calls.generate(requestOf(undefined), false, toGeminiRequest)).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
    });
  });

  it('looks at the first event of a stream alone', async () => {
    const blocked = () =>
      Promise.resolve({
        call: callFixture(),
        generation: generationOf([
          { type: 'chunk', value: { promptFeedback: { blockReason: 'SAFETY' } } },
          finishFixture({ verdict: 'blocked', finishReason: 'SAFETY' }),
        ]),
      });
    await expect(
      callsOf(blocked).calls.generate(requestOf(BODY), true, toGeminiRequest),
    ).rejects.toMatchObject({
      reason: 'SAFETY_BLOCKED',
    });
    const whole = await callsOf(blocked).calls.generate(requestOf(BODY), false, toGeminiRequest);
    expect(whole.generation.head.model).toBe('gemini-3.8-flash');
  });
});
