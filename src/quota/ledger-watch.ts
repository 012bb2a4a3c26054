import type { PinoLogger } from 'nestjs-pino';
import type { Clock, Timer } from '../core/clock.js';
import type { Random } from '../core/random.js';
import type { LedgerArrears } from './ledger-arrears.js';
import type { QuotaTarget, SharedQuotaLedger } from './quota-ledger.port.js';

/** What a watch needs. */
export interface LedgerWatchParts {
  readonly shared: SharedQuotaLedger;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Pick<PinoLogger, 'error' | 'warn'>;
}

/** What a watch saw. */
export interface LedgerSight {
  /** Whether the shared ledger decides, or the rule. */
  readonly mode: 'shared' | 'away';
  /** Since when, in milliseconds since the Unix epoch. */
  readonly sinceMs: number;
  /** Why it is out of reach; absent while it is not. */
  readonly reason?: string;
  /** Replicas that share it, as last counted. */
  readonly replicas: number;
  /** How often it was out of reach, since the start. */
  readonly outages: number;
  /** How often it was found to have lost its memory. */
  readonly memoryLosses: number;
}

const ATTEND_MS = 5_000;
/** Within it a ledger that does not remember this replica has lost its memory. */
const REMEMBERED_MS = 12_000;
const FIRST_PROBE_MS = 250;
const LONGEST_PROBE_MS = 1_500;
const LONGEST_DOUBLING = 10;
/** So long must it have been well for the next outage not to be taken for the last one's. */
const SOUND_MS = 10_000;

/**
 * Knows whether a shared ledger is within reach. Once a call tells that it failed, one look at a time, after pauses of
 * random length, finds out when it is well; before it decides again it is told what it missed. Each change is logged
 * once. While it is well, looks keep this replica among those that share it, and tell what was left over.
 */
export class LedgerWatch {
  #mode: 'shared' | 'away' = 'shared';
  #sinceMs: number;
  #reason: string | undefined;
  #troubled: QuotaTarget | undefined;
  #outages = 0;
  #memoryLosses = 0;
  #attendedMs = -Infinity;
  #soundSinceMs = -Infinity;
  #failedLooks = 0;
  #nextLookMs = 0;
  #timer: Timer | undefined;
  #closed = false;

  constructor(
    private readonly parts: LedgerWatchParts,
    private readonly arrears: LedgerArrears,
    private replicas: number,
  ) {
    this.#sinceMs = parts.clock.wallMs();
  }

  get isAway(): boolean {
    return this.#mode === 'away';
  }

  /** Until the next look, which may find it well. */
  get msToNextLook(): number {
    return Math.max(1, this.#nextLookMs - this.parts.clock.monotonicMs());
  }

  sight(): LedgerSight {
    return {
      mode: this.#mode,
      sinceMs: this.#sinceMs,
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      replicas: this.replicas,
      outages: this.#outages,
      memoryLosses: this.#memoryLosses,
    };
  }

  /** Looks, and looks again until it is closed. Resolves after the first look; never rejects. */
  async look(): Promise<void> {
    const { shared, clock } = this.parts;
    try {
      const { replicas, remembered } = await shared.attend(this.#troubled);
      this.#attended(replicas, remembered);
      const arrears = this.arrears.size;
      await this.arrears.tell(shared, () => clock.monotonicMs());
      if (this.isAway) this.#back(arrears);
    } catch (thrown) {
      this.#failedLooks += 1;
      this.failed(thrown);
    }
    this.#lookLater();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.clear();
  }

  /** Says that the ledger did not do what it was asked, about a target or as a whole. */
  failed(thrown: unknown, target?: QuotaTarget): void {
    if (this.isAway) return;
    const { clock, logger } = this.parts;
    this.#mode = 'away';
    this.#sinceMs = clock.wallMs();
    this.#outages += 1;
    this.#troubled = target;
    this.#reason = thrown instanceof Error ? thrown.message : String(thrown);
    if (clock.monotonicMs() - this.#soundSinceMs > SOUND_MS) this.#failedLooks = 0;
    logger.error(
      { reason: this.#reason, replicas: this.replicas },
      'the shared quota ledger is out of reach; calls are admitted by rule',
    );
    this.#lookLater();
  }

  #back(arrears: number): void {
    const { clock, logger } = this.parts;
    const awayMs = clock.wallMs() - this.#sinceMs;
    this.#mode = 'shared';
    this.#sinceMs = clock.wallMs();
    this.#soundSinceMs = clock.monotonicMs();
    this.#reason = undefined;
    this.#troubled = undefined;
    logger.warn(
      { away_ms: awayMs, arrears, replicas: this.replicas },
      'the shared quota ledger decides again',
    );
  }

  #attended(replicas: number, remembered: boolean): void {
    const nowMs = this.parts.clock.monotonicMs();
    if (!remembered && nowMs - this.#attendedMs < REMEMBERED_MS) {
      this.#memoryLosses += 1;
      this.parts.logger.error(
        'the shared quota ledger lost its memory: use and debt are counted from nothing',
      );
    }
    // Where it came back without its memory, the others may not have come back to it yet.
    const waitsForOthers = !remembered && this.#attendedMs > -Infinity;
    this.replicas = waitsForOthers ? Math.max(this.replicas, replicas) : replicas;
    this.#attendedMs = nowMs;
  }

  #lookLater(): void {
    if (this.#closed) return;
    const { clock, random } = this.parts;
    const boundMs = this.isAway
      ? Math.min(LONGEST_PROBE_MS, FIRST_PROBE_MS * 2 ** Math.min(this.#failedLooks, LONGEST_DOUBLING))
      : ATTEND_MS;
    const afterMs = boundMs * (0.5 + random() / 2);
    this.#nextLookMs = clock.monotonicMs() + afterMs;
    this.#timer?.clear();
    this.#timer = clock.after(afterMs, () => void this.look());
  }
}
