import { describe, it } from '@jest/globals';
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { GatewayError } from '../../src/core/gateway-error.js';
import { type MakePolicy, type Observation, runPolicy } from './policy-run.js';
import { scenarios } from './policy-scenarios.js';

/** What a policy declares beyond the common contract. */
export interface PolicyTraits {
  /** Section instances that the policy reads from the call's configuration. */
  readonly sections?: readonly object[];
  /** May call next more than once for one call. */
  readonly mayCallNextAgain?: boolean;
  /** May drop, change or add events, and refuse an answer that next gave. */
  readonly mayChangeAnswer?: boolean;
  /** May answer, or fail otherwise, where next failed. Never where the caller left. */
  readonly mayReplaceFailure?: boolean;
}

type Property = (seen: Observation, traits: PolicyTraits) => void;

/** What every policy keeps to. Each throws when the observation shows a breach. */
export const POLICY_PROPERTIES = {
  'settles what next handed out exactly once': ({ exchanges }) => {
    for (const { source, outcomes, reads } of exchanges) {
      if (source === undefined) continue;
      assert.equal(outcomes.length, 1, 'a generation was neither read to its end nor left');
      assert.equal(reads, 1, 'a generation was consumed more than once');
    }
  },
  'hands the signal of the call down': ({ exchanges }) => {
    for (const { sawAbort } of exchanges)
      assert.notEqual(sawAbort, false, 'the signal handed to next did not abort with the call');
  },
  'leaves the call as it was': ({ call, before, exchanges, failure }) => {
    const { request, metadata, principal } = call;
    assert.deepStrictEqual(structuredClone({ request, metadata, principal }), before);
    for (const { call: passed } of exchanges)
      for (const field of ['id', 'config', 'principal', 'record', 'operation'] as const)
        assert.equal(passed[field], call[field], `next got a call of another ${field}`);
    const bug = exchanges.length === 0 && failure !== undefined && !(failure instanceof GatewayError);
    assert.ok(!bug, `refused with no GatewayError: ${String(failure)}`);
  },
  'calls next at most once unless it says otherwise': ({ exchanges }, { mayCallNextAgain }) => {
    assert.ok(exchanges.length <= 1 || mayCallNextAgain === true, `called next ${exchanges.length} times`);
  },
  'passes the events on in order and unchanged unless it says otherwise': (seen, { mayChangeAnswer }) => {
    const last = seen.exchanges.at(-1);
    if (mayChangeAnswer === true || last?.source === undefined) return;
    const sent = seen.scenario.next.script.slice(0, seen.events.length);
    assert.deepStrictEqual(seen.events, sent);
    const unread = seen.failure === undefined && !seen.left && seen.events.at(-1)?.type !== 'finish';
    assert.ok(!unread, 'the answer ended before its finish');
  },
  'reports every failure below it unless it says otherwise': (
    seen,
    { mayReplaceFailure, mayChangeAnswer },
  ) => {
    const last = seen.exchanges.at(-1);
    if (mayReplaceFailure === true || last === undefined || seen.left) return;
    const outcome = last.outcomes[0];
    const below = last.rejection ?? (outcome?.kind === 'failed' ? outcome.error : undefined);
    if (below !== undefined) assertSameFailure(seen.failure, below);
    else if (outcome?.kind === 'completed' && mayChangeAnswer !== true)
      assert.equal(seen.failure, undefined, 'a good answer failed');
  },
  'reports that the caller left': (seen) => {
    const last = seen.exchanges.at(-1);
    if (last === undefined || seen.left) return;
    const cancelled = last.outcomes[0]?.kind === 'abandoned' || isCancelled(last.rejection);
    if (cancelled && seen.call.signal.aborted)
      assert.ok(isCancelled(seen.failure), `a left call ended in ${String(seen.failure)}`);
  },
  'lets the source go when the caller leaves': ({ exchanges, left, scenario }) => {
    const failsAt = scenario.next.script.findIndex((step) => step instanceof Error);
    for (const { source, outcomes } of exchanges) {
      if (!left || source === undefined) continue;
      // What has ended by itself need not be let go, nor what failed as if its caller had left.
      const failed = outcomes[0]?.kind === 'failed' || (failsAt >= 0 && source.nexts > failsAt);
      if (failed || outcomes[0]?.kind === 'completed') continue;
      assert.ok(source.returns > 0, 'the source was not returned');
    }
  },
  'ends once, with one finish or one failure': ({ events, answered, failure, left, continued }) => {
    assert.ok(!continued, 'something came after the end');
    const finishes = events.filter((event) => event.type === 'finish').length;
    assert.ok(finishes <= 1 && (finishes === 0 || events.at(-1)?.type === 'finish'), 'finish is not last');
    if (answered && !left) assert.ok(finishes === 1 || failure !== undefined, 'a silent end');
  },
} satisfies Record<string, Property>;

/** Title of a property. */
export type PolicyProperty = keyof typeof POLICY_PROPERTIES;

/** Throws with a counterexample unless the policy keeps to the property in random runs. */
export async function checkPolicy(
  title: PolicyProperty,
  make: MakePolicy,
  traits: PolicyTraits = {},
): Promise<void> {
  const property: Property = POLICY_PROPERTIES[title];
  await fc.assert(
    fc.asyncProperty(scenarios, async (scenario) => {
      property(await runPolicy(make, scenario, traits.sections ?? []), traits);
    }),
    { numRuns: 300, interruptAfterTimeLimit: 10_000 },
  );
}

/** Registers one test per property for a policy. Every policy of the request path goes through them. */
export function policyProperties(name: string, make: MakePolicy, traits: PolicyTraits = {}): void {
  describe(`${name} keeps to the contract of policies: it`, () => {
    it.each(Object.keys(POLICY_PROPERTIES) as PolicyProperty[])('%s', (title) =>
      checkPolicy(title, make, traits),
    );
  });
}

function assertSameFailure(failure: unknown, below: unknown): void {
  assert.notEqual(failure, undefined, 'a failure was swallowed');
  const [seen, expected] = [GatewayError.from(failure), GatewayError.from(below)];
  assert.equal(seen.reason, expected.reason);
  assert.equal(seen.message, expected.message);
}

const isCancelled = (thrown: unknown): boolean =>
  thrown instanceof GatewayError && thrown.reason === 'CANCELLED';
