import * as fc from 'fast-check';
import type { Call } from '../../src/core/call.js';
import { GatewayError, type Reason, REASONS } from '../../src/core/gateway-error.js';
import type { ChunkEvent } from '../../src/core/generation.js';
import type { JsonObject } from '../../src/core/json.js';
import { chunkFixture, finishFixture, HANG, type ScriptStep, usageFixture } from './calls.js';

/** What the rest of the path does when a policy calls it. */
export interface NextPlan {
  /** Turns of the event loop before it answers. */
  readonly lateBy: number;
  /** What it rejects with; it resolves with a generation of `script` otherwise. */
  readonly rejection: Error | undefined;
  readonly script: readonly ScriptStep[];
}

/**
 * What the caller does: reads to the end; leaves after so many events, perhaps while another is awaited; or has
 * its signal abort before the policy runs, while next is under way, or after so many events, and reads on.
 * Where nothing comes any more it aborts at the latest.
 */
export type CallerPlan =
  | { readonly kind: 'reads' }
  | { readonly kind: 'leaves'; readonly after: number; readonly whileAwaiting: boolean }
  | { readonly kind: 'aborts'; readonly when: 'before' | 'during next' | number };

/** One random run of a policy. */
export interface Scenario {
  readonly call: Pick<Call, 'operation' | 'stream' | 'surface' | 'priority' | 'request' | 'metadata'>;
  readonly next: NextPlan;
  readonly caller: CallerPlan;
}

const text = fc.string({ maxLength: 12 });

const request: fc.Arbitrary<JsonObject> = fc
  .tuple(text, fc.option(text, { nil: undefined }), fc.jsonValue({ maxDepth: 2 }))
  .map(([prompt, system, unknown]) => ({
    contents: [{ role: 'user', parts: [{ text: prompt, unknownPartField: unknown as JsonObject }] }],
    ...(system === undefined ? {} : { systemInstruction: { parts: [{ text: system }] } }),
    generationConfig: { temperature: 0.5, unknownSetting: [1, { deep: true }] },
  }));

const call: fc.Arbitrary<Scenario['call']> = fc.record({
  operation: fc.constantFrom('generate', 'count_tokens', 'embed', 'batch_embed'),
  stream: fc.boolean(),
  surface: fc.constantFrom('rest', 'gemini'),
  priority: fc.constantFrom('interactive', 'standard', 'batch'),
  request,
  metadata: fc.record({ feature: text, tags: fc.dictionary(text, text, { maxKeys: 2 }) }),
});

const chunks: fc.Arbitrary<ChunkEvent[]> = fc
  .array(fc.tuple(text, fc.boolean()), { maxLength: 5 })
  .map((pieces) =>
    pieces.map(([piece, counted], at) => chunkFixture(piece, counted ? usageFixture(3, at + 1) : undefined)),
  );

const failure: fc.Arbitrary<Error> = fc.oneof(
  fc
    .constantFrom(...(Object.keys(REASONS) as Reason[]))
    .map((reason) => new GatewayError(reason, `upstream said ${reason}`)),
  fc.constant(new TypeError('a bug below')),
);

const ending: fc.Arbitrary<readonly ScriptStep[]> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('ok', 'truncated', 'blocked', 'empty', 'malformed').map(finish) },
  { weight: 2, arbitrary: failure.map((error) => [error]) },
  { weight: 1, arbitrary: fc.constant([]) },
  { weight: 2, arbitrary: fc.constant([HANG]) },
);

function finish(verdict: 'ok' | 'truncated' | 'blocked' | 'empty' | 'malformed'): readonly ScriptStep[] {
  return [finishFixture({ verdict })];
}

const caller: fc.Arbitrary<CallerPlan> = fc.oneof(
  fc.constant<CallerPlan>({ kind: 'reads' }),
  fc.record({ kind: fc.constant('leaves' as const), after: fc.nat(3), whileAwaiting: fc.boolean() }),
  fc.record({
    kind: fc.constant('aborts' as const),
    when: fc.oneof(fc.constantFrom('before' as const, 'during next' as const), fc.nat(3)),
  }),
);

/** Random calls, generations and callers. */
export const scenarios: fc.Arbitrary<Scenario> = fc.record({
  call,
  next: fc
    .record({ lateBy: fc.nat(3), rejection: fc.option(failure, { nil: undefined, freq: 4 }), chunks, ending })
    .map(({ lateBy, rejection, chunks, ending }) => ({ lateBy, rejection, script: [...chunks, ...ending] })),
  caller,
});
