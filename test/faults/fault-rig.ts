import type { LedgerEntry } from '../../src/emulator/ledger.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../helpers/gateway.js';
import { startFaultProxy, type FaultProxy } from './fault-proxy.js';

/** Deadline that every call asks for. */
export const CALL_TIMEOUT_MS = 1_500;
/** A thinking pause of the upstream that keeps a stream open for some milliseconds. */
const CHUNK_DELAY_MS = 3;

/** One project of the gateway, with a proxy of its own in front of the emulator. */
export interface Lane {
  /** The model to ask for, which no other lane serves. */
  readonly model: string;
  readonly proxy: FaultProxy;
  /** What the emulator saw of this lane's calls. */
  calls(): readonly LedgerEntry[];
}

/** A gateway, an emulator, and lanes between them that can be spoiled one by one. */
export interface FaultRig {
  readonly under: GatewayUnderTest;
  readonly lanes: readonly Lane[];
  /** Stops the gateway. Resolves with the milliseconds that this took: calls in flight would hold it up. */
  close(): Promise<number>;
}

/** How long a gateway would wait for calls in flight. */
export const DRAIN_MS = 5_000;

/** Starts a rig with so many lanes. */
export async function startFaultRig(lanes: number, seed: number): Promise<FaultRig> {
  const proxies: FaultProxy[] = [];
  const names = Array.from({ length: lanes }, (_, index) => `lane-${index}`);
  const under = await gatewayUnderTest({
    config: async (emulator) => {
      for (const index of names.keys())
        proxies.push(await startFaultProxy(emulator.port, { seed: seed + index }));
      return configOf(names.map((name, index) => ({ name, url: proxies[index]?.url ?? '' })));
    },
    emulator: { pace: { chunks: 6, chunkDelayMs: CHUNK_DELAY_MS } },
    environment: {
      GATEWAY__SERVER__DRAIN_TIMEOUT_MS: String(DRAIN_MS),
      ...Object.fromEntries(names.map((name) => [keyOf(name), name])),
    },
  });
  return {
    under,
    lanes: proxies.map((proxy, index) => ({
      model: names[index] ?? '',
      proxy,
      calls: () => under.upstreamCalls().filter(({ key }) => key === names[index]),
    })),
    async close() {
      const startedMs = performance.now();
      await under.gateway.stop();
      const tookMs = performance.now() - startedMs;
      for (const proxy of proxies) await proxy.close();
      await under.close();
      return tookMs;
    },
  };
}

const keyOf = (name: string): string => `KEY_OF_${name.replace('-', '_').toUpperCase()}`;

/** Bounds in time are short, and a target that failed is tried again at once: each run stands for itself. */
function configOf(lanes: readonly { readonly name: string; readonly url: string }[]): string {
  const projects = lanes.map(
    ({ name, url }) => `
  - id: ${name}
    provider: gemini
    baseUrl: ${url}
    credentials: { apiKeys: [{ secret: "env:${keyOf(name)}" }] }
    models: [${name}]
    modelNames: { ${name}: gemini-3.8-flash }
    timeouts: { connectMs: 400, firstEventMs: 400, idleGapMs: 300, totalMs: 1200 }`,
  );
  return `
models:
${lanes.map(({ name }) => `  ${name}: {}`).join('\n')}
projects:${projects.join('')}
resilience:
  backoffMs: 5
  maxBackoffMs: 20
  retryBudget: { floor: 100 }
  breaker: { openMs: 20, maxOpenMs: 20, windowCalls: 10000 }
`;
}
