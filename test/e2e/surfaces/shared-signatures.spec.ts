import type Anthropic from '@anthropic-ai/sdk';
import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BYPASS_SIGNATURE } from '../../../src/routing/thought-signatures.js';
import { eventually } from '../../helpers/eventually.js';
import { DEFAULT_CONFIG, gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { openAiClient, placeTool, readChat } from '../../helpers/openai-clients.js';
import { type RedisServer, startRedisServer } from '../../helpers/redis-server.js';
import { jsonOf } from '../../helpers/rest-answers.js';
import { anthropicClient, placeTool as anthropicTool } from '../anthropic/clients.js';
import { calledIn, recordedUpstream, type RecordedUpstream } from '../openai/recorded-upstream.js';

const model = 'gemini-3.8-flash';
const GOOGLES = /^RW11U2ln/;

describe('replicas that share a Redis', () => {
  let redis: RedisServer;
  let upstream: RecordedUpstream;
  let first: GatewayUnderTest;
  let second: GatewayUnderTest;
  beforeAll(async () => {
    redis = await startRedisServer();
    // Where others keep the processor busy, even a Redis next door is late.
    const withRedis = (url: string): string =>
      `${DEFAULT_CONFIG.replaceAll('${emulator}', url)}\nstorage: { redis: { timeoutMs: 500 } }\n`;
    const environment = { REDIS_URL: redis.url };
    first = await gatewayUnderTest({
      environment,
      config: async (emulator) => {
        upstream = await recordedUpstream(emulator.url);
        return withRedis(upstream.url);
      },
    });
    second = await gatewayUnderTest({ environment, config: withRedis(upstream.url) });
  });
  afterAll(async () => {
    await first.close();
    await second.close();
    await upstream.close();
    await redis.close();
  });

  const signatures = () => calledIn(upstream.asked().at(-1)).map(({ thoughtSignature }) => thoughtSignature);
  const count = async (under: GatewayUnderTest, result: string) => {
    const { text } = await jsonOf(under.call('/metrics'));
    return Number(new RegExp(`gateway_signatures_total{result="${result}"} (\\d+)`).exec(text)?.[1]);
  };
  const tellsOfStore = (under: GatewayUnderTest) =>
    under.logs.filter(({ level, context }) => context === 'signatures' && level === 'error');

  /** Asks by OpenAI's API for a call of a tool: what the next turn of the conversation is. */
  async function calledBy(
    under: GatewayUnderTest,
    stream: boolean,
  ): Promise<OpenAI.ChatCompletionMessageParam[]> {
    const question = { role: 'user' as const, content: 'find_city and read_weather' };
    const asked = { model, tools: [placeTool('find_city'), placeTool('read_weather')], messages: [question] };
    const ai = openAiClient(under);
    const calls = stream
      ? (await readChat(await ai.chat.completions.create({ ...asked, stream }))).toolCalls
      : (await ai.chat.completions.create(asked)).choices[0]?.message.tool_calls?.flatMap((call) =>
          call.type === 'function' ? { id: call.id, type: call.type, function: call.function } : [],
        );
    const results = (calls ?? []).map(({ id }) => ({
      role: 'tool' as const,
      tool_call_id: id,
      content: '{"ok":true}',
    }));
    return [question, { role: 'assistant', content: null, tool_calls: calls ?? [] }, ...results];
  }
  const goOn = (under: GatewayUnderTest, messages: OpenAI.ChatCompletionMessageParam[]) =>
    openAiClient(under).chat.completions.create({
      model,
      messages,
      tools: [placeTool('find_city'), placeTool('read_weather')],
    });

  it.each([
    ['whole', false],
    ['streamed', true],
  ])('put back what another of them kept: %s', async (_way, stream) => {
    const messages = await calledBy(first, stream);
    const { choices } = await goOn(second, messages);
    expect(choices[0]?.message.content).toContain('The function answered.');
    expect(signatures()).toEqual([expect.stringMatching(GOOGLES), undefined]);
    // Google's own ids are back, too.
    for (const { functionCall } of calledIn(upstream.asked().at(-1)))
      expect(functionCall?.id).toMatch(/^call-/);
    // And what the second keeps, the first puts back.
    messages.push({ role: 'assistant', content: choices[0]?.message.content ?? '' });
    messages.push({ role: 'user', content: 'And once more?' });
    await goOn(first, messages);
    expect(signatures()[0]).toMatch(GOOGLES);
    expect([await count(first, 'lost'), await count(second, 'lost')]).toEqual([0, 0]);
  });

  it('put it back by Anthropic’s API as well', async () => {
    const tools = [anthropicTool('find_city')];
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'find_city' }];
    const asked = await anthropicClient(first).messages.create({ model, max_tokens: 4_000, tools, messages });
    const results = asked.content.flatMap((block): Anthropic.ToolResultBlockParam[] =>
      block.type === 'tool_use' ? [{ type: 'tool_result', tool_use_id: block.id, content: 'Rye' }] : [],
    );
    messages.push({ role: 'assistant', content: asked.content }, { role: 'user', content: results });
    await anthropicClient(second).messages.create({ model, max_tokens: 4_000, tools, messages });
    expect(signatures()).toEqual([expect.stringMatching(GOOGLES)]);
  });

  it('go on with Google’s bypass value while Redis is away, tell of it once, and share again', async () => {
    const messages = await calledBy(first, false);
    await redis.kill();
    const failed = await count(second, 'store_failed');
    for (let turn = 0; turn < 3; turn += 1) {
      const { choices } = await goOn(second, messages);
      expect(choices[0]?.message.content).toContain('The function answered.');
      expect(signatures()[0]).toBe(BYPASS_SIGNATURE);
    }
    expect(await count(second, 'store_failed')).toBeGreaterThanOrEqual(failed + 3);
    expect(await count(second, 'lost')).toBe(3);
    // Both replicas write into one log here.
    const told = tellsOfStore(second).length;
    await goOn(second, messages);
    expect(tellsOfStore(second)).toHaveLength(told);
    expect(told).toBeGreaterThan(0);
    await redis.restart();
    await eventually(async () => {
      await goOn(second, await calledBy(first, false));
      return GOOGLES.test(signatures()[0] ?? '');
    }, 'signatures that are shared again');
  });
});
