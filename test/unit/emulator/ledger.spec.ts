import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { type Emulator, startEmulator } from '../../../src/emulator/emulator.js';
import { Ledger, type NewCall } from '../../../src/emulator/ledger.js';
import { call, events, generated, saying } from '../../helpers/emulator-client.js';
import { eventually } from '../../helpers/eventually.js';
import { ManualClock } from '../../helpers/manual-clock.js';

const NEW_CALL: NewCall = {
  at: 0,
  key: 'k',
  project: 'k',
  model: 'm',
  operation: 'generateContent',
  stream: false,
  path: '/',
  bytesIn: 10,
  serverTimeout: undefined,
  apiClient: undefined,
};

describe('the ledger over the wire', () => {
  let clock: ManualClock;
  let emulator: Emulator;
  beforeEach(async () => {
    clock = new ManualClock();
    emulator = await startEmulator({ clock });
  });
  afterEach(() => emulator.close());

  it('has the counts of unary answers and of streams', async () => {
    const whole = await generated(emulator, saying('one'));
    const stream = await call(emulator, 'streamGenerateContent?alt=sse', saying('two'));
    const last = events(stream.text).at(-1)?.usageMetadata;
    const response = await request(`${emulator.url}/emulator/ledger`);
    const { calls, totals } = (await response.body.json()) as { calls: object[]; totals: object };
    expect(calls).toMatchObject([
      {
        key: 'k',
        operation: 'generateContent',
        outputTokens: whole.usageMetadata?.candidatesTokenCount,
        outcome: 'ok',
      },
      {
        stream: true,
        thoughtsTokens: last?.thoughtsTokenCount,
        bytesOut: Buffer.byteLength(stream.text),
        chunksSent: events(stream.text).length,
        aborted: false,
      },
    ]);
    expect(totals).toMatchObject({ calls: 2, ok: 2, inputTokens: 2 });
  });

  it('has the tokens that the quota counted, also of who left before any was told, and none of who was refused', async () => {
    emulator.quotas.replace([{ tpm: 3 }]);
    emulator.scenarios.add({ delayMs: 100 });
    const left = new AbortController();
    const first = call(emulator, 'generateContent', saying('twice4by'), { signal: left.signal });
    await eventually(() => emulator.ledger.calls.length === 1);
    left.abort();
    await expect(first).rejects.toThrow();
    await eventually(() => emulator.ledger.calls[0]?.aborted);
    const refused = await call(emulator, 'generateContent', saying('twice4by'));
    expect(refused.status).toBe(429);
    expect(emulator.ledger.calls).toMatchObject([
      { quotaTokens: 2, inputTokens: 0 },
      { quotaTokens: 0, inputTokens: 0 },
    ]);
  });

  it('tells only what is new since an id, and forgets on DELETE', async () => {
    await generated(emulator, saying('one'));
    await generated(emulator, saying('two'));
    const [first] = emulator.ledger.calls;
    const since = await request(`${emulator.url}/emulator/ledger?since=${first?.id}`);
    expect(await since.body.json()).toMatchObject({ calls: [{ id: 2 }] });
    await (await request(`${emulator.url}/emulator/ledger`, { method: 'DELETE' })).body.dump();
    expect([emulator.ledger.calls, emulator.ledger.totals.calls]).toEqual([[], 0]);
  });

  it('knows who left in the middle of a stream, when, and what was told until then', async () => {
    emulator.scenarios.add({ chunkDelayMs: 100, chunks: 8 });
    const left = new AbortController();
    const response = await request(
      `${emulator.url}/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse`,
      {
        method: 'POST',
        body: JSON.stringify(saying('long')),
        headers: { 'x-goog-api-key': 'k' },
        signal: left.signal,
      },
    );
    const reader = response.body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    await reader.next();
    clock.advance(100);
    await reader.next();
    clock.advance(50);
    left.abort();
    await expect(reader.next()).rejects.toThrow();
    const entry = emulator.ledger.calls[0]!;
    while (entry.outcome === 'open') await new Promise((resolve) => setImmediate(resolve));
    expect(entry).toMatchObject({
      outcome: 'aborted',
      aborted: true,
      abortedAfterMs: 150,
      chunksSent: 2,
      inputTokens: 1,
    });
    expect(entry.outputTokens).toBeGreaterThan(0);
    expect([emulator.ledger.totals.aborted, clock.armed]).toEqual([1, 0]);
  });

  it('knows who left before the headers', async () => {
    emulator.scenarios.add({ kind: 'silence' });
    const left = new AbortController();
    const pending = call(emulator, 'generateContent', saying('a'), { signal: left.signal });
    while (emulator.ledger.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(emulator.ledger.calls[0]).toMatchObject({ outcome: 'open', status: 0 });
    left.abort();
    await expect(pending).rejects.toThrow();
    while (emulator.ledger.calls[0]?.outcome === 'open')
      await new Promise((resolve) => setImmediate(resolve));
    expect(emulator.ledger.calls[0]).toMatchObject({ outcome: 'silence', aborted: true, inputTokens: 0 });
  });

  it('plays delays before the headers, before the first chunk and between chunks', async () => {
    emulator.scenarios.add({
      delayMs: 10,
      firstChunkDelayMs: 20,
      chunkDelayMs: 30,
      chunks: 2,
      chunkText: 'x',
    });
    const pending = call(emulator, 'streamGenerateContent?alt=sse', saying('a'));
    const entry = (): { status: number; chunksSent: number } | undefined => emulator.ledger.calls[0];
    while (entry() === undefined) await new Promise((resolve) => setImmediate(resolve));
    const seen = [];
    for (const step of [9, 1, 19, 1, 29, 1, 30]) {
      clock.advance(step);
      seen.push([entry()?.status, entry()?.chunksSent]);
    }
    expect(seen).toEqual([
      [0, 0],
      [200, 0],
      [200, 0],
      [200, 1],
      [200, 1],
      [200, 2],
      [200, 3],
    ]);
    expect(events((await pending).text)).toHaveLength(3);
  });

  it('stalls a stream that falls silent after some chunks', async () => {
    emulator.scenarios.add({ kind: 'silence', cutAfterChunks: 1 });
    const left = new AbortController();
    const response = await request(
      `${emulator.url}/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse`,
      {
        method: 'POST',
        body: JSON.stringify(saying('a')),
        headers: { 'x-goog-api-key': 'k' },
        signal: left.signal,
      },
    );
    const reader = response.body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    expect(String((await reader.next()).value)).toMatch(/^data: /);
    expect(emulator.ledger.calls[0]).toMatchObject({ outcome: 'open', chunksSent: 1 });
    left.abort();
    await expect(reader.next()).rejects.toThrow();
  });
});

describe('Ledger', () => {
  it('forgets the oldest calls beyond its capacity, but not their sums', () => {
    const ledger = new Ledger(3);
    for (let turn = 0; turn < 5; turn++) ledger.close(ledger.open(NEW_CALL), 'ok');
    expect(ledger.calls.map((entry) => entry.id)).toEqual([3, 4, 5]);
    expect(ledger.totals).toMatchObject({ calls: 5, bytesIn: 50 });
  });

  it('closes a call once, and does not sum calls from before it was cleared', () => {
    const ledger = new Ledger();
    const [early, late] = [ledger.open(NEW_CALL), ledger.open(NEW_CALL)];
    ledger.close(early, 'ok');
    ledger.close(early, 'late failure');
    expect([early.outcome, ledger.totals.calls]).toEqual(['ok', 1]);
    ledger.clear();
    ledger.close(late, 'ok');
    expect([ledger.totals.calls, ledger.open(NEW_CALL).id]).toEqual([0, 3]);
  });
});
