import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LedgerEntry } from '../../src/emulator/ledger.js';
import { Random } from '../../src/emulator/random.js';
import { eventually } from '../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../helpers/gateway.js';
import { LONG, SEED } from './fault-settings.js';

const CALLS = LONG ? 10_000 : 2_000;
/** More than the gateway remembers of the last calls. */
const WARM_UP_CALLS = 1_600;
/** Callers at the same time, each with a key and a model of its own. */
const CALLERS = 10;
/** An undisturbed call takes about as long. */
const LONGEST_MS = 60;
const LET_GO_MS = 100;
/** For all calls together; a leak of anything per call is more. */
const MAX_GROWTH_BYTES = 2_000_000;

/** One call whose caller left. */
interface Left {
  /** Its upstream call is found by the caller's key and by the length of its prompt. */
  readonly name: string;
  /** Wall time. */
  readonly atMs: number;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe(`${CALLS} calls whose callers leave at any moment (FAULT_SEED=${SEED})`, () => {
  let under: GatewayUnderTest;
  const stall = monitorEventLoopDelay({ resolution: 5 });
  const callers = Array.from({ length: CALLERS }, (_, index) => `caller-${index}`);
  const random = new Random(SEED);
  let gone: Left[] = [];
  let heapBytes = 0;
  /** Bytes of an upstream request beside the prompt. */
  let frameBytes = 0;

  beforeAll(async () => {
    under = await gatewayUnderTest({
      config: configOf(callers),
      environment: {
        GATEWAY__TELEMETRY__REQUEST_LOG: 'false',
        ...Object.fromEntries(callers.map((name) => [keyOf(name), name])),
      },
    });
    under.emulator.scenarios.add({ times: 0, delayMs: 8, chunks: 6, chunkDelayMs: 5 });
    await under.call('/v1/generate', { model: callers[0], prompt: 'x' }).then(({ body }) => body.dump());
    frameBytes = (under.upstreamCalls()[0]?.bytesIn ?? 0) - 1;
    await storm(WARM_UP_CALLS);
    heapBytes = await restingHeapBytes();
    stall.enable();
    await storm(CALLS);
    stall.disable();
  }, 120_000);
  afterAll(() => under.close());

  async function storm(calls: number): Promise<void> {
    gone = [];
    under.emulator.ledger.clear();
    const each = async (caller: string): Promise<void> => {
      for (let length = 1; length <= calls / CALLERS; length += 1) gone.push(await leave(caller, length));
    };
    await Promise.all(callers.map(each));
    await eventually(
      () => under.upstreamCalls().every(({ outcome }) => outcome !== 'open'),
      'the end of all',
    );
  }

  /** Calls and goes away after a while, whatever has come by then. */
  async function leave(caller: string, promptLength: number): Promise<Left> {
    const controller = new AbortController();
    const body = { model: caller, prompt: 'x'.repeat(promptLength), stream: random.next() < 0.5 };
    const answer = under
      .call('/v1/generate', body, { signal: controller.signal })
      .then((response) => response.body.dump());
    // The caller is gone: how its own client says so is its own affair.
    const over = answer.catch(() => undefined);
    await delay(random.next() * LONGEST_MS);
    controller.abort();
    const atMs = Date.now();
    await over;
    // Callers who come faster than the machine can look would measure the machine.
    await under.call('/health/live').then((response) => response.body.dump());
    return { name: `${caller}/${promptLength}`, atMs };
  }

  const nameOf = ({ key, bytesIn }: LedgerEntry): string => `${key}/${bytesIn - frameBytes}`;

  async function restingHeapBytes(): Promise<number> {
    under.emulator.ledger.clear();
    gone = [];
    await delay(50);
    collectGarbage();
    return process.memoryUsage().heapUsed;
  }

  it(`lets every upstream call go within ${LET_GO_MS} ms, and makes none after its caller left`, async () => {
    const calls = under.upstreamCalls();
    const goneAtMs = new Map(gone.map(({ name, atMs }) => [name, atMs]));
    const early = calls.filter(({ aborted }) => aborted);
    process.stdout.write(`${gone.length} calls, ${calls.length} upstream, ${early.length} of them let go\n`);
    // What the whole process stood still is no delay of the gateway's.
    const boundMs = LET_GO_MS + stall.max / 1e6;
    const late = calls.filter((call) => {
      const atMs = goneAtMs.get(nameOf(call)) ?? -Infinity;
      return call.at > atMs + boundMs || call.at + (call.abortedAfterMs ?? 0) > atMs + boundMs;
    });
    expect(late).toEqual([]);
    expect(early.length).toBeGreaterThan(CALLS / 4);
    expect(calls.filter(({ outcome }) => !['ok', 'aborted'].includes(outcome))).toEqual([]);
    expect(new Set(calls.map(nameOf)).size).toBe(calls.length);
    await delay(200);
    expect(under.upstreamCalls()).toHaveLength(calls.length);
  });

  it('keeps nothing of them', async () => {
    const growth = (await restingHeapBytes()) - heapBytes;
    process.stdout.write(`heap: ${Math.round(growth / 1_000)} kB more after ${CALLS} calls\n`);
    expect(growth).toBeLessThan(MAX_GROWTH_BYTES);
  });
});

const keyOf = (name: string): string => `KEY_OF_${name.replace('-', '_').toUpperCase()}`;

function configOf(names: readonly string[]): string {
  const projects = names.map(
    (name) => `
  - id: ${name}
    provider: gemini
    baseUrl: \${emulator}
    credentials: { apiKeys: [{ secret: "env:${keyOf(name)}" }] }
    models: [${name}]
    modelNames: { ${name}: gemini-3.8-flash }`,
  );
  return `
models:
${names.map((name) => `  ${name}: {}`).join('\n')}
projects:${projects.join('')}
`;
}
