import { GatewayError } from '../core/gateway-error.js';
import type { Generation } from '../core/generation.js';

/** How an attempt went until its first event. */
export type Made = { readonly generation: Generation } | { readonly error: GatewayError };

/** An attempt that others may outrun. */
export class Racer {
  readonly #controller = new AbortController();
  /** Aborts with the call, or when another attempt was faster. */
  readonly signal: AbortSignal;

  constructor(callSignal: AbortSignal) {
    this.signal = AbortSignal.any([callSignal, this.#controller.signal]);
  }

  /** Gives the attempt up, also one that has just been answered. */
  stop(made: Promise<Made>): void {
    this.#controller.abort(
      new GatewayError('CANCELLED', 'Another attempt was faster.', { metadata: { outrun: true } }),
    );
    void abandon(made);
  }
}

/** Ends an answer that nobody reads. Its upstream call was cut: what it throws now is told to nobody. */
async function abandon(made: Promise<Made>): Promise<void> {
  const late = await made;
  if (!('generation' in late)) return;
  const events = late.generation.events[Symbol.asyncIterator]();
  await events.return?.().catch(() => undefined);
}

/** When a second attempt is made beside a slow first one. */
export interface Hedge {
  /** How long the first attempt on a candidate may take; undefined while nobody knows what is slow for it. */
  afterMs(candidate: string): number | undefined;
  /** Takes a second attempt out of those allowed. False where none is left. */
  take(): boolean;
}
