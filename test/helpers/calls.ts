import { CallRecord } from '../../src/core/call-record.js';
import type { Call } from '../../src/core/call.js';
import type { ConfigSnapshot, SectionClass } from '../../src/core/config-snapshot.js';
import { GatewayError } from '../../src/core/gateway-error.js';
import type {
  ChunkEvent,
  FinishEvent,
  Generation,
  GenerationEvent,
  Head,
} from '../../src/core/generation.js';
import { NO_USAGE, type Usage } from '../../src/core/usage.js';

/** A configuration that holds just these section instances. */
export function configFixture(...sections: readonly object[]): ConfigSnapshot {
  const byClass = new Map<unknown, object>(sections.map((section) => [section.constructor, section]));
  return {
    version: 1,
    get<T extends object>(section: SectionClass<T>): T {
      const found = byClass.get(section);
      if (found === undefined) throw new Error(`no section ${section.section}`);
      return found as T;
    },
  };
}

/** A valid call with a signal of its own. Pass `signal` to be able to abort it. */
export function callFixture(overrides: Partial<Call> = {}): Call {
  return {
    id: 'call-1',
    config: configFixture(),
    principal: { keyId: 'key-1', tenant: 'tenant-1', team: 'team-1', scopes: [] },
    surface: 'rest',
    operation: 'generate',
    stream: false,
    request: { contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] },
    model: 'gemini-3.8-flash',
    priority: 'interactive',
    deadlineMs: 60_000,
    metadata: {},
    signal: new AbortController().signal,
    record: new CallRecord(0),
    ...overrides,
  };
}

/** So many input and output tokens. */
export function usageFixture(inputTokens: number, outputTokens: number): Usage {
  return { ...NO_USAGE, inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
}

/** A chunk of text, with the tokens so far where given. */
export function chunkFixture(text: string, usage?: Usage): ChunkEvent {
  const value = { candidates: [{ content: { role: 'model', parts: [{ text }] } }] };
  return { type: 'chunk', value, text: JSON.stringify(value), ...(usage && { usage }) };
}

/** A good end. */
export function finishFixture(overrides: Partial<FinishEvent> = {}): FinishEvent {
  return { type: 'finish', verdict: 'ok', finishReason: 'STOP', usage: usageFixture(3, 5), ...overrides };
}

/** In a script: nothing comes until the source is returned or its signal aborts. */
export const HANG = Symbol('hang');

/** What a scripted source does at one place: an event, a failure, or nothing at all. */
export type ScriptStep = GenerationEvent | Error | typeof HANG;

/** What became of a scripted source. */
export interface SourceLog {
  /** Calls of `next`. */
  nexts: number;
  /** Calls of `return`. */
  returns: number;
}

/** A generation that plays a script. */
export interface ScriptedGeneration extends Generation {
  readonly source: SourceLog;
}

/**
 * A generation of these events, or one that fails at once. As a provider's it ends after a finish, failure or return,
 * and fails with CANCELLED once `signal` aborts, also while nothing comes.
 */
export function generationOf(
  script: readonly ScriptStep[] | Error,
  options: { head?: Partial<Head>; signal?: AbortSignal } = {},
): ScriptedGeneration {
  const steps = script instanceof Error ? [script] : [...script];
  const { head, signal } = options;
  const source: SourceLog = { nexts: 0, returns: 0 };
  let over = false;
  let wake: (() => void) | undefined;
  signal?.addEventListener('abort', () => wake?.());
  const step = async (): Promise<GenerationEvent | undefined> => {
    if (over) return undefined;
    if (signal?.aborted === true) steps.unshift(new GatewayError('CANCELLED', 'The caller left.'));
    const next = steps.shift();
    if (next === HANG) return new Promise<void>((resolve) => (wake = resolve)).then(step);
    over = next === undefined || next instanceof Error || next.type === 'finish';
    if (next instanceof Error) throw next;
    return next;
  };
  const iterator: AsyncIterator<GenerationEvent, void> = {
    next: async () => {
      source.nexts += 1;
      const value = await step();
      return value === undefined ? { done: true, value } : { done: false, value };
    },
    return: () => {
      source.returns += 1;
      over = true;
      wake?.();
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  return {
    source,
    head: {
      project: 'project-1',
      model: 'gemini-3.8-flash',
      attempts: 1,
      fallback: false,
      cache: 'bypass',
      ...head,
    },
    events: {
      [Symbol.asyncIterator]: () => iterator,
    },
  };
}
