import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { Call } from '../../../src/core/call.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import type { JsonObject } from '../../../src/core/json.js';
import { mirrorTerms } from '../../../src/routing/mirror-terms.js';
import { BYPASS_SIGNATURE } from '../../../src/routing/thought-signatures.js';
import { chunkFixture, finishFixture, usageFixture } from '../../helpers/calls.js';
import { MirrorUnderTest, overloaded, settle } from './mirror-fixture.js';

const asking = (maxOutputTokens: number): JsonObject => ({
  contents: [{ role: 'user', parts: [{ text: 'a secret prompt' }] }],
  generationConfig: { maxOutputTokens },
});

describe('Mirror', () => {
  it('sends the call’s own request to the target, and reads the answer to its end', async () => {
    const bench = new MirrorUnderTest();
    const call = bench.call({ stream: true, requestText: '{ }' });
    call.record.target = 'primary/model';
    const copy = await bench.reflect(call);
    expect(copy?.attempt).toEqual({
      operation: 'generate',
      stream: true,
      model: 'upstream-shadow',
      request: call.request,
      requestText: '{ }',
      timeouts: { firstEventMs: 1_000, idleGapMs: 2_000, totalMs: 5_000 },
      signal: expect.any(AbortSignal),
    });
    bench.clock.advance(40);
    await copy?.send(chunkFixture('a secret answer', usageFixture(7, 1)));
    expect(bench.stats()).toMatchObject({ calls: 1, inFlight: 1, spentNanoUsd: 0 });
    bench.clock.advance(60);
    await copy?.send(finishFixture({ usage: usageFixture(7, 20) }));
    expect(bench.stats()).toMatchObject({ calls: 1, failed: 0, inFlight: 0, spentNanoUsd: 7 + 20 * 10 });
    expect(bench.lines).toEqual([
      {
        severity: 'info',
        about: {
          request_id: 'call-1',
          task_type: 'summary',
          target: 'p/shadow',
          primary_target: 'primary/model',
          outcome: 'ok',
          upstream_status: undefined,
          timeout: undefined,
          latency_ms: 100,
          ttft_ms: 40,
          input_tokens: 7,
          output_tokens: 20,
          thoughts_tokens: 0,
          cached_tokens: 0,
          cost_nano_usd: 207,
        },
      },
    ]);
    expect(bench.clock.armed).toBe(0);
  });

  it('lets the call go first', async () => {
    const bench = new MirrorUnderTest();
    bench.mirror.reflect(bench.call(), bench.target, bench.settings());
    await Promise.resolve();
    expect(bench.received).toEqual([]);
    await settle();
    expect(bench.received).toHaveLength(1);
  });

  it('takes its share of the calls', async () => {
    const bench = new MirrorUnderTest();
    bench.drawn = 0.25;
    expect(await bench.reflect(bench.call(), { share: 0.25 })).toBeUndefined();
    expect(bench.stats()).toBeUndefined();
    expect(await bench.reflect(bench.call(), { share: 0.26 })).toBeDefined();
  });

  it.each<[string, Partial<Call>]>([
    ['calls without a task', { task: undefined as never }],
    ['embeddings', { operation: 'embed' }],
  ])('leaves %s alone', async (_, overrides) => {
    const bench = new MirrorUnderTest();
    expect(await bench.reflect(bench.call(overrides))).toBeUndefined();
    expect(bench.mirror.stats().size).toBe(0);
  });

  it('sends nothing to what answers by itself', async () => {
    const bench = new MirrorUnderTest({ upstream: false });
    expect(await bench.reflect()).toBeUndefined();
  });

  it('prepares the request for its target, and replaces thought signatures that another model made', async () => {
    const bench = new MirrorUnderTest({ prepare: (request) => ({ ...request, prepared: true }) });
    const contents = (thoughtSignature: string) => [
      { role: 'user', parts: [{ text: 'go' }] },
      { role: 'model', parts: [{ functionCall: { name: 'f' }, thoughtSignature }] },
      { role: 'user', parts: [{ functionResponse: { name: 'f' } }] },
    ];
    const request = { contents: contents('foreign') };
    const before = structuredClone(request);
    const copy = await bench.reflect(bench.call({ request, requestText: '{ }' }));
    expect(copy?.attempt.request).toEqual({ contents: contents(BYPASS_SIGNATURE), prepared: true });
    expect(copy?.attempt).not.toHaveProperty('requestText');
    expect(request).toEqual(before);
  });

  it('goes on when the caller leaves', async () => {
    const bench = new MirrorUnderTest();
    const controller = new AbortController();
    const copy = await bench.reflect(bench.call({ signal: controller.signal }));
    controller.abort();
    await settle();
    expect(copy?.attempt.signal.aborted).toBe(false);
    await copy?.send(finishFixture());
    expect(bench.stats()).toMatchObject({ failed: 0, inFlight: 0 });
  });

  it('gives up after the time of the task, which says nothing about the target', async () => {
    const bench = new MirrorUnderTest();
    await bench.reflect();
    bench.clock.advance(4_999);
    await settle();
    expect(bench.stats()).toMatchObject({ inFlight: 1 });
    bench.clock.advance(1);
    await settle();
    expect(bench.stats()).toMatchObject({ failed: 1, inFlight: 0 });
    expect(bench.lines[0]?.about).toMatchObject({
      outcome: 'DEADLINE_EXCEEDED',
      timeout: 'total',
      latency_ms: 5_000,
    });
  });

  it('gives up after the target’s own time, which counts as its failure', async () => {
    const timeouts = { firstEventMs: 1_000, idleGapMs: 2_000, totalMs: 3_000 };
    const bench = new MirrorUnderTest({ timeouts });
    for (let at = 0; at < bench.config.breaker.consecutiveFailures; at += 1) {
      const copy = await bench.reflect();
      expect(copy?.attempt.timeouts.totalMs).toBe(3_000);
      bench.clock.advance(3_000);
      await settle();
    }
    expect(bench.lines[0]?.about).toMatchObject({ outcome: 'UPSTREAM_UNAVAILABLE', timeout: 'total' });
    expect(await bench.reflect()).toBeUndefined();
    expect(bench.stats()?.refused.resting).toBe(1);
  });

  it('has no more copies under way than it may', async () => {
    const bench = new MirrorUnderTest();
    const first = await bench.reflect(bench.call(), { maxInFlight: 2 });
    await bench.reflect(bench.call(), { maxInFlight: 2 });
    expect(await bench.reflect(bench.call(), { maxInFlight: 2 })).toBeUndefined();
    expect(bench.stats()).toMatchObject({ calls: 2, refused: { in_flight: 1 } });
    await first?.fail(overloaded());
    expect(await bench.reflect(bench.call(), { maxInFlight: 2 })).toBeDefined();
  });

  it('sends nothing that could cost more than is left of the day', async () => {
    const bench = new MirrorUnderTest();
    const call = bench.call({ request: asking(50) });
    const terms = mirrorTerms(call, bench.target, bench.clock.wallMs());
    const boundNanoUsd = typeof terms === 'string' ? 0 : terms.boundNanoUsd;
    const cap = { maxUsdPerDay: (boundNanoUsd + 100) / 1e9 };
    const first = await bench.reflect(call, cap);
    expect(await bench.reflect(call, cap)).toBeUndefined();
    await first?.send(finishFixture({ usage: usageFixture(1, 10) }));
    expect(bench.stats()).toMatchObject({ spentNanoUsd: 101, refused: { budget: 1 } });
    expect(await bench.reflect(call, cap)).toBeUndefined();
    bench.clock.advance(12 * 3_600_000);
    expect(await bench.reflect(call, cap)).toBeDefined();
  });

  it('sends nothing without a price', async () => {
    const bench = new MirrorUnderTest({ model: 'unpriced' });
    expect(await bench.reflect()).toBeUndefined();
    expect(bench.stats()?.refused.no_price).toBe(1);
  });

  it('sends nothing to a target that rests, and sets nothing aside for it', async () => {
    const bench = new MirrorUnderTest();
    const limited = new GatewayError('UPSTREAM_RATE_LIMITED', 'No.', {
      retryAfterMs: 1_000,
      metadata: { upstreamStatus: 429, quotaKind: 'minute' },
    });
    const terms = mirrorTerms(bench.call(), bench.target, bench.clock.wallMs());
    const cap = { maxUsdPerDay: (typeof terms === 'string' ? 0 : terms.boundNanoUsd) / 1e9 };
    await (await bench.reflect(bench.call(), cap))?.fail(limited);
    expect(await bench.reflect(bench.call(), cap)).toBeUndefined();
    expect(bench.stats()).toMatchObject({ failed: 1, refused: { resting: 1 } });
    bench.clock.advance(1_000);
    expect(await bench.reflect(bench.call(), cap)).toBeDefined();
  });

  it('has its failures count against the target as any others do', async () => {
    const bench = new MirrorUnderTest();
    for (let at = 0; at < bench.config.breaker.consecutiveFailures; at += 1)
      await (await bench.reflect())?.fail(overloaded());
    expect(bench.health.admit('p/shadow')).toHaveProperty('refusal.kind', 'health');
    expect(bench.lines[0]?.about).toMatchObject({ outcome: 'UPSTREAM_UNAVAILABLE', upstream_status: 500 });
  });

  it.each([true, false])('has its successes count for the target (stream: %p)', async (stream) => {
    const bench = new MirrorUnderTest();
    const failures = bench.config.breaker.consecutiveFailures;
    for (let at = 0; at < 2 * failures; at += 1) {
      const copy = await bench.reflect(bench.call({ stream }));
      if (at === failures - 1) await copy?.send(finishFixture());
      else await copy?.fail(overloaded());
      if (at === failures) expect(bench.health.admit('p/shadow')).toHaveProperty('ticket');
    }
    expect(bench.health.admit('p/shadow')).toHaveProperty('refusal');
  });

  it('lets a stream that begins speak for a target that is probed', async () => {
    const bench = new MirrorUnderTest();
    for (let at = 0; at < bench.config.breaker.consecutiveFailures; at += 1)
      await (await bench.reflect())?.fail(overloaded());
    bench.clock.advance(bench.config.breaker.openMs);
    const probe = await bench.reflect(bench.call({ stream: true }));
    expect(bench.health.admit('p/shadow')).toHaveProperty('refusal');
    await probe?.send(chunkFixture('a'));
    expect(bench.health.admit('p/shadow')).toHaveProperty('ticket');
  });

  it.each([true, false])('counts each copy once for its project (stream: %p)', async (stream) => {
    const bench = new MirrorUnderTest();
    const observed: unknown[] = [];
    bench.ejection.observe = (...seen) => void observed.push(seen);
    const copy = await bench.reflect(bench.call({ stream }));
    await copy?.send(chunkFixture('a'));
    await copy?.send(finishFixture());
    expect(observed).toEqual([['p', false]]);
  });

  it('judges a stream by its end as well', async () => {
    const bench = new MirrorUnderTest();
    for (let at = 0; at < bench.config.breaker.consecutiveFailures; at += 1) {
      const copy = await bench.reflect(bench.call({ stream: true }));
      await copy?.send(chunkFixture('a', usageFixture(1, 1)));
      await copy?.fail(new GatewayError('UPSTREAM_UNAVAILABLE', 'It broke.'));
    }
    expect(bench.health.admit('p/shadow')).toHaveProperty('refusal.kind', 'health');
    expect(bench.stats()?.spentNanoUsd).toBe(11 * bench.config.breaker.consecutiveFailures);
  });

  it('cuts everything at shutdown, waits for it, and sends nothing more', async () => {
    const bench = new MirrorUnderTest();
    const copy = await bench.reflect();
    bench.mirror.reflect(bench.call(), bench.target, bench.settings());
    await bench.mirror.beforeApplicationShutdown();
    expect(copy?.attempt.signal.aborted).toBe(true);
    expect(bench.lines[0]?.about).toMatchObject({ outcome: 'CANCELLED' });
    expect(bench.clock.armed).toBe(0);
    await settle();
    expect(bench.received).toHaveLength(1);
    expect(bench.stats()).toMatchObject({ inFlight: 0, refused: { stopping: 1 } });
    expect(bench.health.admit('p/shadow')).toHaveProperty('ticket');
  });

  it('lets go of copies that are over', async () => {
    const bench = new MirrorUnderTest();
    const copy = await bench.reflect();
    await copy?.send(finishFixture());
    await bench.mirror.beforeApplicationShutdown();
    expect(copy?.attempt.signal.aborted).toBe(false);
  });

  it('does not wait for long for an upstream that cannot be cut', async () => {
    const deaf = { generate: () => new Promise(() => undefined) } as never;
    const bench = new MirrorUnderTest({ provider: deaf });
    await bench.reflect();
    let over = false;
    void bench.mirror.beforeApplicationShutdown().then(() => (over = true));
    bench.clock.advance(1_999);
    await settle();
    expect(over).toBe(false);
    bench.clock.advance(1);
    await settle();
    expect(over).toBe(true);
  });

  it('survives mistakes of the gateway’s, and tells of them', async () => {
    const bench = new MirrorUnderTest({
      prepare: () => {
        throw new TypeError('a secret prompt');
      },
    });
    await bench.reflect();
    expect(bench.lines).toEqual([{ severity: 'error', about: { request_id: 'call-1', error: 'TypeError' } }]);
  });

  it('writes no content', async () => {
    const bench = new MirrorUnderTest();
    const copy = await bench.reflect(bench.call({ request: asking(5) }));
    await copy?.send(chunkFixture('a secret answer'));
    await copy?.fail(new GatewayError('UPSTREAM_PROTOCOL', 'a secret sentence'));
    expect(bench.lines).toHaveLength(1);
    expect(JSON.stringify(bench.lines)).not.toContain('secret');
  });

  it('never spends more than the cap, whatever is under way, while calls stay within their bounds', async () => {
    const step = fc.record({
      maxOutputTokens: fc.integer({ min: 1, max: 100 }),
      inputTokens: fc.nat(60),
      answered: fc.nat(100),
      fails: fc.boolean(),
      which: fc.nat(8),
    });
    await fc.assert(
      fc.asyncProperty(fc.nat(20_000), fc.array(step, { maxLength: 25 }), async (capNanoUsd, steps) => {
        const bench = new MirrorUnderTest();
        const open: (() => Promise<unknown>)[] = [];
        for (const { maxOutputTokens, inputTokens, answered, fails, which } of steps) {
          const call = bench.call({ request: asking(maxOutputTokens) });
          const copy = await bench.reflect(call, { maxUsdPerDay: Math.max(1, capNanoUsd) / 1e9 });
          const usage = usageFixture(inputTokens, Math.floor((maxOutputTokens * answered) / 100));
          if (copy !== undefined)
            open.push(async () => {
              await copy.send(chunkFixture('a', usage));
              await (fails
                ? copy.fail(new GatewayError('SAFETY_BLOCKED', 'No.'))
                : copy.send(finishFixture({ usage })));
            });
          const [end] = open.splice(which, 1);
          await end?.();
        }
        for (const end of open) await end();
        const { calls = 0, spentNanoUsd = 0, inFlight } = bench.stats() ?? {};
        expect(spentNanoUsd).toBeLessThanOrEqual(Math.max(1, capNanoUsd));
        expect(inFlight ?? 0).toBe(0);
        const charged = bench.lines.map(({ about }) => Number(about['cost_nano_usd']));
        expect(charged).toHaveLength(calls);
        expect(charged.reduce((sum, each) => sum + each, 0)).toBe(spentNanoUsd);
      }),
      { numRuns: 40 },
    );
  });
});
