import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { Clock } from '../../core/clock.js';
import type { Part } from '../../core/gemini-wire.js';
import type { JsonObject } from '../../core/json.js';
import { BYPASS_SIGNATURE } from '../../routing/thought-signatures.js';
import { Metrics } from '../../telemetry/metrics.js';
import { type KeptPart, LARGEST_PART, SignatureStore } from '../signature.port.js';
import { StoreOutage } from './store-outage.js';

/** A part of the model's that a caller gives back, by the id under which the caller knows it. */
export interface ReturnedPart {
  readonly id: string;
  /** The part as it will go upstream; its signature and its call's id are put in here. */
  readonly part: Part;
  /** The `functionResponse` that answers the call. */
  readonly response?: JsonObject;
  /** Whether the model refuses the part without a signature: the first function call of each step. */
  readonly required: boolean;
}

/**
 * What became of signatures: kept, restored, lost (the call went on with Google's bypass value), foreign (the same for
 * a call that this gateway did not name: history from elsewhere), oversized (too large to be kept); and how often the
 * store failed.
 */
const RESULTS = ['kept', 'restored', 'lost', 'foreign', 'oversized', 'store_failed'] as const;
type SignatureStats = Readonly<Record<(typeof RESULTS)[number], number>>;

const MADE_HERE = /^call_[0-9a-f]{32}$/;

/**
 * Keeps the thought signatures of answers for callers whose API has no place for them, and puts them back into the
 * very parts on the next turn. Where one is lost, Google's bypass value keeps the conversation going.
 */
@Injectable()
export class SignatureCustody {
  readonly #stats = { kept: 0, restored: 0, lost: 0, foreign: 0, oversized: 0, store_failed: 0 };
  readonly #outage: StoreOutage;

  constructor(
    @Inject(SignatureStore) private readonly store: SignatureStore,
    private readonly logger: PinoLogger,
    metrics: Metrics,
    @Inject(Clock) clock: Clock,
  ) {
    this.#outage = new StoreOutage(clock);
    logger.setContext('signatures');
    metrics.pull('gateway_signatures_total', 'Thought signatures kept for callers.', ['result'], () =>
      RESULTS.map((result) => ({ labels: { result }, value: this.#stats[result] })),
    );
  }

  /** Counts since the start. */
  stats(): SignatureStats {
    return { ...this.#stats };
  }

  /** Names a function call of an answer, uniquely, and keeps what the next turn must give back with it. */
  keepCall(tenant: string, { thoughtSignature, functionCall }: Part): string {
    const id = `call_${randomUUID().replaceAll('-', '')}`;
    const upstreamId = functionCall?.id;
    const part: KeptPart = {
      ...(isSome(thoughtSignature) ? { signature: thoughtSignature } : {}),
      ...(isSome(upstreamId) ? { upstreamId } : {}),
    };
    if (part.signature !== undefined || part.upstreamId !== undefined) this.#keep(tenant, id, part);
    return id;
  }

  /** Keeps the signature of a text under the id of its message. */
  keepText(tenant: string, id: string, signature: string): void {
    this.#keep(tenant, id, { signature });
  }

  /**
   * Puts back what was kept. A part that already has a signature keeps it. `signs` is false where the models that
   * are asked do not check signatures: then none is made up for a part that lost its own.
   */
  async restore(tenant: string, returned: readonly ReturnedPart[], signs: boolean): Promise<void> {
    if (returned.length === 0) return;
    const found = await this.#find(tenant, returned);
    for (const [index, one] of returned.entries()) {
      const kept = found[index];
      if (kept?.upstreamId !== undefined) putId(one, kept.upstreamId);
      if (one.part.thoughtSignature !== undefined) continue;
      if (kept?.signature !== undefined) {
        one.part.thoughtSignature = kept.signature;
        this.#stats.restored += 1;
      } else if (one.required && signs) {
        one.part.thoughtSignature = BYPASS_SIGNATURE;
        this.#stats[MADE_HERE.test(one.id) ? 'lost' : 'foreign'] += 1;
      }
    }
  }

  #keep(tenant: string, id: string, part: KeptPart): void {
    if ((part.signature?.length ?? 0) + (part.upstreamId?.length ?? 0) > LARGEST_PART) {
      this.#stats.oversized += 1;
      return;
    }
    if (part.signature !== undefined) this.#stats.kept += 1;
    // An answer does not wait for this, and the next turn goes on without it.
    this.store.keep(tenant, id, part).then(
      () => this.#answered(),
      (thrown: unknown) => this.#failed(thrown),
    );
  }

  async #find(tenant: string, returned: readonly ReturnedPart[]): Promise<readonly (KeptPart | undefined)[]> {
    try {
      const ids = returned.map(({ id }) => id);
      const found = await this.store.find(tenant, ids);
      this.#answered();
      return found;
    } catch (thrown) {
      this.#failed(thrown);
      return [];
    }
  }

  #failed(thrown: unknown): void {
    this.#stats.store_failed += 1;
    if (!this.#outage.failed()) return;
    const error = thrown instanceof Error ? thrown.name : 'unknown';
    this.logger.error({ error }, 'the store of thought signatures failed; Google’s bypass value stands in');
  }

  #answered(): void {
    const failures = this.#outage.answered();
    if (failures !== undefined) this.logger.warn({ failures }, 'the store of thought signatures is back');
  }
}

function putId({ part, response }: ReturnedPart, id: string): void {
  if (part.functionCall !== undefined) part.functionCall.id = id;
  if (response !== undefined) response['id'] = id;
}

function isSome(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
