import type { Call } from '../../src/core/call.js';
import { settled } from '../../src/core/combinators.js';
import { GatewayError } from '../../src/core/gateway-error.js';
import type { Generation, GenerationEvent } from '../../src/core/generation.js';
import type { Outcome } from '../../src/core/outcome.js';
import type { Policy } from '../../src/core/policy.js';
import { callFixture, configFixture, generationOf, type SourceLog } from './calls.js';
import { ManualClock } from './manual-clock.js';
import type { Scenario } from './policy-scenarios.js';

/** Makes the policy under test, fresh for each run. */
export type MakePolicy = (clock: ManualClock) => Policy;

/** One call of `next` by the policy, and what became of it. */
export interface Exchange {
  /** What the policy passed down. */
  readonly call: Call;
  /** What `next` rejected with. */
  rejection?: unknown;
  /** The generation handed out; absent when next rejected. */
  source?: SourceLog;
  /** How often the policy asked that generation for its events. */
  reads: number;
  /** Every outcome of that generation. */
  readonly outcomes: Outcome[];
  /** The caller aborted before this exchange was over, and the signal passed down showed it at once. */
  sawAbort?: boolean;
}

/** All that one run of a policy showed. */
export interface Observation {
  readonly scenario: Scenario;
  readonly call: Call;
  /** Copies of the call's data from before the run. */
  readonly before: Pick<Call, 'request' | 'metadata' | 'principal'>;
  readonly exchanges: readonly Exchange[];
  /** What `apply` or the events failed with. */
  readonly failure: unknown;
  /** Whether `apply` resolved. */
  readonly answered: boolean;
  /** Events that the caller got. */
  readonly events: readonly GenerationEvent[];
  /** Whether the caller left of its own accord. */
  readonly left: boolean;
  /** Whether anything came after the end. */
  readonly continued: boolean;
}

/** How often the event loop turns before a policy counts as stuck. */
const PATIENCE_TURNS = 200;
const MAX_EVENTS = 50;
const MAX_EXCHANGES = 50;

const TURNED = Symbol('turned');
const turn = (): Promise<typeof TURNED> => new Promise((resolve) => setImmediate(resolve, TURNED));

/** Runs a policy through a scenario. Throws when it gets stuck. */
export async function runPolicy(
  make: MakePolicy,
  scenario: Scenario,
  sections: readonly object[],
): Promise<Observation> {
  const abort = new AbortController();
  const call = callFixture({ ...scenario.call, config: configFixture(...sections), signal: abort.signal });
  const before = structuredClone({
    request: call.request,
    metadata: call.metadata,
    principal: call.principal,
  });
  for (const data of [call.request, call.metadata, call.principal]) deepFreeze(data);
  Object.freeze(call);
  const exchanges: Exchange[] = [];
  const leave = (): void => {
    if (abort.signal.aborted) return;
    const open = exchanges.filter(
      ({ outcomes, rejection }) => outcomes.length === 0 && rejection === undefined,
    );
    abort.abort();
    for (const exchange of open) exchange.sawAbort = exchange.call.signal.aborted;
  };
  const { caller } = scenario;
  const when = caller.kind === 'aborts' ? caller.when : undefined;
  if (when === 'before') leave();
  const applied = make(new ManualClock()).apply(call, (passed) => {
    const exchange: Exchange = { call: passed, reads: 0, outcomes: [] };
    exchanges.push(exchange);
    if (exchanges.length > MAX_EXCHANGES) throw new StuckError('the policy calls next without end');
    if (when === 'during next') setImmediate(leave);
    return answer(exchange, scenario, when === 'during next');
  });
  const seen = { scenario, call, before, exchanges, failure: undefined, answered: false, events: [] };
  let generation: Generation;
  try {
    generation = await unstuck(applied, 'never settles', leave);
  } catch (failure) {
    if (failure instanceof StuckError) throw failure;
    return { ...seen, failure, left: false, continued: false };
  }
  return { ...seen, answered: true, ...(await read(generation, scenario, leave)) };
}

/** Plays `next`: late, rejecting, or with a scripted generation whose ending is recorded. */
async function answer(exchange: Exchange, { next }: Scenario, untilAbort: boolean): Promise<Generation> {
  const { signal } = exchange.call;
  for (let turns = untilAbort ? PATIENCE_TURNS / 4 : next.lateBy; turns > 0; turns -= 1)
    if (!signal.aborted) await turn();
  const rejection = signal.aborted ? new GatewayError('CANCELLED', 'The caller left.') : next.rejection;
  if (rejection !== undefined) {
    exchange.rejection = rejection;
    throw rejection;
  }
  const generation = generationOf(next.script, { signal });
  exchange.source = generation.source;
  const { head, events } = settled(generation, (outcome) => exchange.outcomes.push(outcome));
  const read = () => {
    exchange.reads += 1;
    return events[Symbol.asyncIterator]();
  };
  return { head, events: { [Symbol.asyncIterator]: read } };
}

/** Reads the answer as the caller of the scenario does. */
async function read(
  generation: Generation,
  { caller }: Scenario,
  leave: () => void,
): Promise<Pick<Observation, 'events' | 'failure' | 'left' | 'continued'>> {
  const events: GenerationEvent[] = [];
  const iterator = generation.events[Symbol.asyncIterator]();
  let failure: unknown;
  for (;;) {
    if (caller.kind === 'leaves' && events.length >= caller.after) {
      const awaited = caller.whileAwaiting ? iterator.next() : undefined;
      awaited?.catch(() => undefined);
      if (awaited !== undefined) await turn();
      await unstuck(Promise.resolve(iterator.return?.()), 'does not let its caller leave');
      return { events, failure, left: true, continued: !(await over(iterator)) };
    }
    if (caller.kind === 'aborts' && caller.when === events.length) leave();
    try {
      const step = await unstuck(iterator.next(), 'delivers nothing', leave);
      if (step.done === true) break;
      events.push(step.value);
      if (events.length > MAX_EVENTS) throw new StuckError('the policy delivers without end');
    } catch (thrown) {
      if (thrown instanceof StuckError) throw thrown;
      failure = thrown;
      break;
    }
  }
  return { events, failure, left: false, continued: !(await over(iterator)) };
}

async function over(iterator: AsyncIterator<GenerationEvent>): Promise<boolean> {
  const step = await unstuck(iterator.next(), 'hangs after its end');
  return step.done === true;
}

class StuckError extends Error {}

/** The promise's result, or a StuckError. Half way to it, a caller who can still `leave` does so. */
async function unstuck<T>(promise: Promise<T>, what: string, leave?: () => void): Promise<T> {
  for (let turns = 0; turns < PATIENCE_TURNS; turns += 1) {
    if (turns === PATIENCE_TURNS / 2) leave?.();
    const result = await Promise.race([promise, turn()]);
    if (result !== TURNED) return result;
  }
  throw new StuckError(`the policy ${what}`);
}

function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
}
