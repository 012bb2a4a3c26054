import { type BeforeApplicationShutdown, Inject, Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import type { Call } from '../core/call.js';
import { Clock } from '../core/clock.js';
import { GatewayError } from '../core/gateway-error.js';
import { Random } from '../core/random.js';
import type { Ticket } from '../resilience/circuit-breaker.js';
import { TargetHealth } from '../resilience/target-health.js';
import type { Reservation } from './daily-allowance.js';
import { drained, type Drained } from './drained-call.js';
import { MirrorAccount, type MirrorRefusal, type MirrorStats } from './mirror-account.js';
import { mirrorCharge, mirrorTerms, type MirrorTerms } from './mirror-terms.js';
import type { MirrorConfig } from './mirror.config.js';
import { RoutingConfig } from './routing.config.js';
import { targetName, type Target } from './target.js';

/** A copy that may be sent. */
interface Copy {
  readonly call: Call;
  readonly task: string;
  readonly target: Target;
  readonly terms: MirrorTerms;
  readonly reservation: Reservation;
  readonly ticket: Ticket;
}

const NANO_USD_PER_USD = 1_000_000_000;
/** Longest wait for copies that were cut, at shutdown. */
const SHUTDOWN_MS = 2_000;

/**
 * Sends copies of calls to a second target and throws the answers away, to see how that target does with real traffic.
 * The call itself is neither delayed nor changed by its copy, and does not learn of it. What a copy can cost at most is
 * set aside before it is sent, so that the day's cap of its task holds whatever is under way.
 */
@Injectable()
export class Mirror implements BeforeApplicationShutdown {
  readonly #accounts = new Map<string, MirrorAccount>();
  readonly #underWay = new Map<AbortController, Promise<void>>();
  #stopping = false;

  constructor(
    private readonly health: TargetHealth,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Random) private readonly random: Random,
    private readonly logger: PinoLogger,
  ) {
    logger.setContext('mirror');
  }

  /**
   * Draws whether a task's call is copied to a target, and if so copies it, a little later. Returns at once and never
   * throws. Whether the target can take the request, and may, is for the caller to see to: only its health, its price
   * and the mirror's own bounds are looked at here.
   */
  reflect(call: Call, target: Target, mirror: MirrorConfig): void {
    const { task, operation } = call;
    if (task === undefined || operation !== 'generate' || !target.upstream) return;
    if (this.random() >= mirror.share) return;
    // The call itself goes first.
    setImmediate(() => this.#begin(call, task, target, mirror));
  }

  /** By task, for those of which a call was drawn since the start. */
  stats(): ReadonlyMap<string, MirrorStats> {
    const wallMs = this.clock.wallMs();
    return new Map([...this.#accounts].map(([task, account]) => [task, account.stats(wallMs)]));
  }

  /** Before the providers close their connections, which waits for what is under way on them. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stopping = true;
    const cut = new GatewayError('CANCELLED', 'The gateway is shutting down.');
    for (const controller of this.#underWay.keys()) controller.abort(cut);
    const { promise: longEnough, resolve } = Promise.withResolvers<void>();
    const timer = this.clock.after(SHUTDOWN_MS, resolve);
    await Promise.race([Promise.all(this.#underWay.values()), longEnough]);
    timer.clear();
  }

  #begin(call: Call, task: string, target: Target, mirror: MirrorConfig): void {
    try {
      const account = this.#accountOf(task);
      const copy = this.#admit(call, task, target, mirror, account);
      if (typeof copy === 'string') {
        account.refused[copy] += 1;
        return;
      }
      account.calls += 1;
      account.inFlight += 1;
      const controller = new AbortController();
      const end = this.#send(copy, controller)
        .then((failed) => void (account.failed += failed ? 1 : 0))
        .catch((thrown: unknown) => this.#tellOfMistake(call, thrown))
        .finally(() => {
          account.inFlight -= 1;
          this.#underWay.delete(controller);
        });
      this.#underWay.set(controller, end);
    } catch (thrown) {
      this.#tellOfMistake(call, thrown);
    }
  }

  #admit(
    call: Call,
    task: string,
    target: Target,
    mirror: MirrorConfig,
    { inFlight, allowance }: MirrorAccount,
  ): Copy | MirrorRefusal {
    if (this.#stopping) return 'stopping';
    if (inFlight >= mirror.maxInFlight) return 'in_flight';
    const wallMs = this.clock.wallMs();
    const terms = mirrorTerms(call, target, wallMs);
    if (typeof terms === 'string') return terms;
    const capNanoUsd = Math.floor(mirror.maxUsdPerDay * NANO_USD_PER_USD);
    const reservation = allowance.reserve(terms.boundNanoUsd, capNanoUsd, wallMs);
    if (reservation === undefined) return 'budget';
    const leave = this.health.admit(targetName(target));
    if ('ticket' in leave) return { call, task, target, terms, reservation, ticket: leave.ticket };
    reservation.settle(0);
    return 'resting';
  }

  /** Sends a copy and reads its answer to the end. Resolves with whether it failed. */
  async #send(copy: Copy, controller: AbortController): Promise<boolean> {
    const { call, task, target, terms, ticket } = copy;
    const { request } = terms;
    const name = targetName(target);
    const taskMs = call.config.get(RoutingConfig).tasks[task]?.timeoutMs ?? Infinity;
    const totalMs = Math.min(target.timeouts.totalMs, taskMs);
    const timer = this.clock.after(totalMs, () => controller.abort(tooLate(totalMs)));
    const startedMs = this.clock.monotonicMs();
    let firstEventMs: number | undefined;
    const answer = await drained(
      target.provider,
      {
        operation: 'generate',
        stream: call.stream,
        model: target.upstreamModel,
        request,
        ...(request === call.request && call.requestText !== undefined
          ? { requestText: call.requestText }
          : {}),
        timeouts: { ...target.timeouts, totalMs },
        signal: controller.signal,
      },
      () => {
        firstEventMs = this.clock.monotonicMs();
        if (call.stream) this.health.began(name, ticket);
      },
    );
    timer.clear();
    const costNanoUsd = mirrorCharge(answer, terms);
    copy.reservation.settle(costNanoUsd);
    const failure = failureOf(answer, target.timeouts.totalMs <= taskMs);
    if (failure !== undefined) this.health.failed(name, ticket, failure);
    else if (call.stream) ticket.succeeded();
    else this.health.succeeded(name, ticket);
    this.#log(copy, answer, { failure, costNanoUsd, startedMs, firstEventMs });
    return failure !== undefined;
  }

  /** One line for each copy; never content, keys or messages. */
  #log({ call, task, target }: Copy, { usage, end }: Drained, ended: Ended): void {
    const { failure, costNanoUsd, startedMs, firstEventMs } = ended;
    this.logger.info(
      {
        request_id: call.id,
        task_type: task,
        target: targetName(target),
        primary_target: call.record.target ?? call.record.attempts.at(-1)?.target,
        outcome: 'finish' in end ? end.finish.verdict : failure?.reason,
        upstream_status: failure?.metadata.upstreamStatus,
        timeout: failure?.metadata['timeout'],
        latency_ms: rounded(this.clock.monotonicMs() - startedMs),
        ttft_ms: firstEventMs === undefined ? undefined : rounded(firstEventMs - startedMs),
        input_tokens: usage.inputTokens,
        output_tokens: usage.outputTokens,
        thoughts_tokens: usage.thoughtsTokens,
        cached_tokens: usage.cachedTokens,
        cost_nano_usd: costNanoUsd,
      },
      'a call was mirrored',
    );
  }

  /** No call is there to fail, and the process must not. */
  #tellOfMistake({ id }: Call, thrown: unknown): void {
    const error = thrown instanceof Error ? thrown.name : typeof thrown;
    this.logger.error({ request_id: id, error }, 'a call could not be mirrored for a fault of the gateway');
  }

  #accountOf(task: string): MirrorAccount {
    const present = this.#accounts.get(task);
    if (present !== undefined) return present;
    const account = new MirrorAccount();
    this.#accounts.set(task, account);
    return account;
  }
}

/** How a copy ended, beside its answer. */
interface Ended {
  readonly failure: GatewayError | undefined;
  readonly costNanoUsd: number;
  /** Monotonic. */
  readonly startedMs: number;
  readonly firstEventMs: number | undefined;
}

function tooLate(totalMs: number): GatewayError {
  return new GatewayError('DEADLINE_EXCEEDED', `The answer was not complete within ${totalMs} ms.`, {
    metadata: { timeout: 'total' },
  });
}

/** Why a copy failed. A target that used up its own time is unavailable; the task's time says nothing about it. */
function failureOf({ end }: Drained, ownTime: boolean): GatewayError | undefined {
  if (!('error' in end)) return undefined;
  const { error } = end;
  if (error.reason !== 'DEADLINE_EXCEEDED' || !ownTime) return error;
  return new GatewayError('UPSTREAM_UNAVAILABLE', error.message, { metadata: error.metadata });
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
