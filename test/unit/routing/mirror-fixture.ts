import type { PinoLogger } from 'nestjs-pino';
import type { Call } from '../../../src/core/call.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import type { GenerationEvent } from '../../../src/core/generation.js';
import type { Attempt, Provider } from '../../../src/core/provider.js';
import { OutlierEjection } from '../../../src/resilience/outlier-ejection.js';
import { ResilienceConfig } from '../../../src/resilience/resilience.config.js';
import { TargetHealth } from '../../../src/resilience/target-health.js';
import { Mirror } from '../../../src/routing/mirror.js';
import { MirrorConfig } from '../../../src/routing/mirror.config.js';
import type { Target } from '../../../src/routing/target.js';
import { callFixture } from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { snapshot } from './fixtures.js';

/** A copy that reached the upstream, to be answered by hand. */
export interface Received {
  readonly attempt: Attempt;
  /** Delivers an event. */
  send(event: GenerationEvent): Promise<void>;
  /** Fails the call, or breaks its answer off. */
  fail(error: Error): Promise<void>;
}

/** What the mirror wrote. */
export interface Line {
  readonly severity: 'info' | 'error';
  readonly about: Readonly<Record<string, unknown>>;
}

/** Lets everything happen that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Prices of one nano-USD per input and ten per output token, and short answers, so that sums are read at a glance. */
const MODEL = {
  maxOutputTokens: 100,
  prices: [
    { input: 0.001, output: 0.01 },
    { tier: 'flex', input: 0.0005, output: 0.005 },
  ],
};

/** A mirror over one target whose upstream is played by the test. */
export class MirrorUnderTest {
  readonly clock = new ManualClock(Date.parse('2026-11-20T12:00:00Z'));
  readonly config = new ResilienceConfig();
  readonly ejection = new OutlierEjection(this.config, this.clock);
  readonly health = new TargetHealth(this.config, this.clock, this.ejection);
  readonly received: Received[] = [];
  readonly lines: Line[] = [];
  readonly mirror: Mirror;
  readonly snapshot = snapshot({
    models: { shadow: MODEL, unpriced: {} },
    tasks: { summary: { models: ['shadow'], timeoutMs: 5_000 } },
  });
  readonly target: Target;
  drawn = 0;

  constructor(target: Partial<Target> = {}) {
    const log = (severity: Line['severity']) => (about: Line['about']) =>
      this.lines.push({ severity, about });
    const logger = { setContext: () => undefined, info: log('info'), error: log('error') };
    this.mirror = new Mirror(this.health, this.clock, () => this.drawn, logger as unknown as PinoLogger);
    this.target = {
      project: 'p',
      model: 'shadow',
      upstreamModel: 'upstream-shadow',
      provider: this.#provider(),
      kind: 'gemini',
      upstream: true,
      timeouts: { firstEventMs: 1_000, idleGapMs: 2_000, totalMs: 60_000 },
      quota: { project: 'p', location: 'global', model: 'shadow' },
      limits: undefined,
      prepare: (request) => request,
      ...target,
    };
  }

  call(overrides: Partial<Call> = {}): Call {
    return callFixture({ config: this.snapshot, task: 'summary', ...overrides });
  }

  /** Reflects a call and waits until its copy was sent or refused. */
  async reflect(call: Call = this.call(), mirror: Partial<MirrorConfig> = {}): Promise<Received | undefined> {
    const before = this.received.length;
    this.mirror.reflect(call, this.target, this.settings(mirror));
    await settle();
    return this.received[before];
  }

  /** All calls, within a dollar. */
  settings(mirror: Partial<MirrorConfig> = {}): MirrorConfig {
    const all = { model: 'shadow', maxUsdPerDay: 1, share: 1 };
    return Object.assign(new MirrorConfig(), all, mirror);
  }

  stats() {
    return this.mirror.stats().get('summary');
  }

  #provider(): Provider {
    const provider = {
      // As the providers do, an aborted call fails with the abort's own reason.
      generate: async (attempt: Attempt) => {
        const events: GenerationEvent[] = [];
        let failure: unknown;
        let wake = (): void => undefined;
        const failWith = (thrown: unknown): Promise<void> => {
          failure ??= thrown;
          wake();
          return settle();
        };
        attempt.signal.addEventListener('abort', () => void failWith(attempt.signal.reason));
        this.received.push({
          attempt,
          send: (event) => {
            events.push(event);
            wake();
            return settle();
          },
          fail: failWith,
        });
        const somethingToTell = async (): Promise<void> => {
          if (events.length > 0) return undefined;
          if (failure !== undefined) throw failure;
          await new Promise<void>((resolve) => (wake = resolve));
          return somethingToTell();
        };
        await somethingToTell();
        return (async function* () {
          for (;;) {
            await somethingToTell();
            const event = events.shift();
            if (event !== undefined) yield event;
            if (event?.type === 'finish') return;
          }
        })();
      },
    };
    return provider as unknown as Provider;
  }
}

/** A failure of the upstream's. */
export const overloaded = (): GatewayError =>
  new GatewayError('UPSTREAM_UNAVAILABLE', 'No.', { metadata: { upstreamStatus: 500 } });
