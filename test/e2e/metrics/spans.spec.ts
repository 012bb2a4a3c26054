import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { DEFAULT_CONFIG, gatewayUnderTest, TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';
import { lineOf } from '../../helpers/google-clients.js';
import { jsonOf, type JsonAnswer } from '../../helpers/rest-answers.js';
import {
  SPAN_KINDS,
  STATUS_ERROR,
  startSpanReceiver,
  type ReceivedSpan,
  type SpanReceiver,
} from '../../helpers/span-receiver.js';
import { samplesOf } from '../../helpers/telemetry.js';

const SECRET_PROMPT = 'nobody-may-read-this';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const TARGET = 'main/gemini-3.8-flash';

let under: GatewayUnderTest;
let open = false;

async function start(endpoint: string, traces: Record<string, string> = {}): Promise<void> {
  const settings = Object.entries({ otlpEndpoint: endpoint, ...traces }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  under = await gatewayUnderTest({
    config: `${DEFAULT_CONFIG}\nresilience: { backoffMs: 1 }\ntelemetry: { traces: { ${settings.join(', ')} } }\n`,
    environment: { COLLECTOR_TOKEN: 'collector-secret' },
  });
  open = true;
}

async function stop(): Promise<void> {
  if (open) await under.close();
  open = false;
}

const ask = (body: object = {}, headers: Record<string, string> = {}): Promise<JsonAnswer> =>
  jsonOf(under.call('/v1/generate', { task: 'chat', prompt: SECRET_PROMPT, ...body }, { headers }));

describe('spans', () => {
  let receiver: SpanReceiver;
  beforeEach(async () => {
    receiver = await startSpanReceiver();
  });
  afterEach(async () => {
    await stop();
    await receiver.close();
  });

  /** All spans, sent by the end of the gateway at the latest. */
  async function spansAtEnd(): Promise<{ calls: ReceivedSpan[]; attempts: ReceivedSpan[] }> {
    await stop();
    const spans = receiver.spans();
    return {
      calls: spans.filter(({ kind }) => kind === SPAN_KINDS.server),
      attempts: spans.filter(({ kind }) => kind === SPAN_KINDS.client),
    };
  }

  it('tell of a call within the trace of its caller, and of each attempt within the call', async () => {
    await start(receiver.url, {
      sampleShare: '0',
      headers: '{ authorization: { secret: "env:COLLECTOR_TOKEN" } }',
    });
    under.emulator.scenarios.add({ kind: 'unavailable-503', match: { text: SECRET_PROMPT } });
    const beganMs = Date.now();
    const answer = await ask(
      {},
      { traceparent: `00-${TRACE}-${SPAN}-01`, 'x-request-id': 'traced', tracestate: 'a=b' },
    );
    const endedMs = Date.now();
    expect(answer.status).toBe(200);
    expect(await lineOf(under, 'traced')).toMatchObject({ trace_id: TRACE });
    const {
      calls: [call, ...otherCalls],
      attempts,
    } = await spansAtEnd();
    expect(otherCalls).toEqual([]);
    const usage = answer.json['usage'] as Record<string, number>;
    expect(call).toMatchObject({
      name: 'generate_content gemini-3.8-flash',
      traceId: TRACE,
      parentSpanId: SPAN,
      attributes: {
        'gen_ai.operation.name': 'generate_content',
        'gen_ai.provider.name': 'gcp.gemini',
        'gen_ai.request.model': 'gemini-3.8-flash',
        'gen_ai.response.model': answer.json['modelVersion'],
        'gen_ai.response.finish_reasons': ['STOP'],
        'gen_ai.usage.input_tokens': usage['inputTokens'],
        'gen_ai.usage.output_tokens': Number(usage['outputTokens']) + Number(usage['thoughtsTokens']),
        'gateway.request_id': 'traced',
        'gateway.task': 'chat',
        'gateway.outcome': 'ok',
        'gateway.target': TARGET,
        'gateway.plan.targets': [TARGET],
      },
      resource: { 'service.name': 'gemini-gateway' },
    });
    expect(attempts).toMatchObject([
      {
        traceId: TRACE,
        parentSpanId: call?.spanId,
        attributes: {
          'gateway.target': TARGET,
          'gateway.attempt': 1,
          'gateway.attempt.trouble': 'overloaded',
          'error.type': 'UPSTREAM_OVERLOADED',
        },
        status: { code: STATUS_ERROR },
      },
      {
        traceId: TRACE,
        parentSpanId: call?.spanId,
        attributes: { 'gateway.target': TARGET, 'gateway.attempt': 2 },
        status: { code: 0 },
      },
    ]);
    const times = [call?.start, ...attempts.flatMap(({ start, end }) => [start, end]), call?.end].map(
      (time) => Number((time ?? 0n) / 1_000_000n),
    );
    expect(times).toEqual(times.toSorted((left, right) => left - right));
    expect(times[0]).toBeGreaterThanOrEqual(beganMs - 1);
    expect(times.at(-1)).toBeLessThanOrEqual(endedMs + 1);
    expect(receiver.requests[0]?.headers['authorization']).toBe('collector-secret');
    const sent = receiver.requests.map(({ body }) => body).join('');
    for (const secret of [SECRET_PROMPT, TEST_KEY, 'upstream-key', 'collector-secret', 'heard it'])
      expect(sent).not.toContain(secret);
    expect(under.logText()).not.toContain('collector-secret');
  });

  it('of a stream last to its end', async () => {
    await start(receiver.url, { sampleShare: '1' });
    under.emulator.scenarios.add({ chunkDelayMs: 60, chunks: 3, match: { text: SECRET_PROMPT } });
    await ask({ stream: true });
    const {
      calls: [call],
      attempts: [attempt],
    } = await spansAtEnd();
    expect(call?.parentSpanId).toBeUndefined();
    const lengthMs = (span?: ReceivedSpan): number => Number((span?.end ?? 0n) - (span?.start ?? 0n)) / 1e6;
    expect(lengthMs(attempt)).toBeGreaterThan(100);
    expect(Number(attempt?.attributes['gen_ai.response.time_to_first_chunk'])).toBeLessThan(
      lengthMs(attempt) / 1_000 - 0.1,
    );
    expect(attempt?.end).toBe(call?.end);
  });

  it('of a call that failed say why, without words of the caller', async () => {
    await start(receiver.url, { sampleShare: '1' });
    const answer = await ask({ task: undefined, model: SECRET_PROMPT });
    expect(answer.status).toBe(404);
    const { calls, attempts } = await spansAtEnd();
    expect(calls).toMatchObject([
      {
        name: 'generate_content',
        status: { code: STATUS_ERROR },
        attributes: { 'error.type': 'MODEL_NOT_FOUND', 'gateway.outcome': 'MODEL_NOT_FOUND' },
      },
    ]);
    expect(attempts).toEqual([]);
    expect(receiver.requests.map(({ body }) => body).join('')).not.toContain(SECRET_PROMPT);
  });

  it.each([
    ['0', undefined, 0],
    ['1', undefined, 3],
    ['1', `00-${TRACE}-${SPAN}-00`, 0],
    ['0', `00-${TRACE}-${SPAN}-01`, 3],
    ['0', `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`, 0],
  ])(
    'are made of a share of %s of the calls, or as the traceparent %s says',
    async (sampleShare, traceparent, made) => {
      await start(receiver.url, { sampleShare });
      for (let each = 0; each < 3; each += 1) await ask({}, traceparent === undefined ? {} : { traceparent });
      const { calls, attempts } = await spansAtEnd();
      expect([calls.length, attempts.length]).toEqual([made, made]);
      expect(new Set(calls.map(({ spanId }) => spanId)).size).toBe(made);
    },
  );

  it('go out while the gateway runs, and are counted', async () => {
    await start(receiver.url, { sampleShare: '1', exportIntervalMs: '20' });
    await ask();
    await eventually(() => receiver.spans().length === 2, 'the spans');
    await eventually(async () => {
      const { text } = await jsonOf(under.call('/metrics'));
      return samplesOf(text).get('gateway_spans_total{result="exported"}') === 2;
    }, 'their count');
  });
});

describe('a receiver that does not work', () => {
  const holes: Server[] = [];
  const sockets = new Set<Socket>();
  afterEach(async () => {
    await stop();
    for (const socket of sockets) socket.destroy();
    for (const hole of holes.splice(0)) {
      hole.close();
      await once(hole, 'close');
    }
  });

  /** Takes connections and whatever comes by them, and never says anything. */
  async function blackHole(): Promise<string> {
    const hole = createServer((socket) => void sockets.add(socket.on('data', () => undefined)));
    holes.push(hole);
    hole.listen(0, '127.0.0.1');
    await once(hole, 'listening');
    return `http://127.0.0.1:${(hole.address() as AddressInfo).port}`;
  }

  it('delays neither calls nor, beyond the bound, the end of the gateway', async () => {
    await start(await blackHole(), { sampleShare: '1', exportIntervalMs: '1', flushTimeoutMs: '300' });
    const startedMs = performance.now();
    for (let each = 0; each < 20; each += 1) expect((await ask()).status).toBe(200);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    await eventually(() => sockets.size > 0, 'a batch on its way');
    const stoppedMs = performance.now();
    await stop();
    const tookMs = performance.now() - stoppedMs;
    expect(tookMs).toBeGreaterThanOrEqual(300);
    expect(tookMs).toBeLessThan(1_500);
    expect(under.logs).toContainEqual(
      expect.objectContaining({ context: 'traces', spans_lost: 40, level: 'warn' }),
    );
  });

  it('is counted, and told of once, while calls go on', async () => {
    const receiver = await startSpanReceiver((res) => void res.writeHead(403).end());
    await start(receiver.url, { sampleShare: '1', exportIntervalMs: '1' });
    for (let each = 1; each <= 3; each += 1) {
      expect((await ask()).status).toBe(200);
      await eventually(async () => {
        const { text } = await jsonOf(under.call('/metrics'));
        return samplesOf(text).get('gateway_spans_total{result="failed"}') === 2 * each;
      }, 'the count of what was lost');
    }
    await stop();
    await receiver.close();
    expect(under.logs.filter(({ context }) => context === 'traces')).toMatchObject([
      { spans_lost: 2, msg: 'spans cannot be exported: Forbidden' },
    ]);
  });
});
