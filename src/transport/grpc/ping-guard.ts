import { constants, type Http2Session } from 'node:http2';
import { Inject, Injectable } from '@nestjs/common';
import { sectionToken } from '../../config/config.module.js';
import { Clock } from '../../core/clock.js';
import { GrpcConfig, type GrpcKeepaliveConfig } from './grpc.config.js';

/** Pings too early that are let pass, as gRPC's own servers do. */
const MAX_STRIKES = 2;
/** Least time between pings of a connection without calls, where such are not permitted; gRPC's own servers' again. */
const IDLE_PING_INTERVAL_MS = 7_200_000;

/** The pings of one connection. */
export class PingGuard {
  #lastMs = -Infinity;
  #strikes = 0;
  #calls = 0;

  constructor(
    private readonly session: Pick<Http2Session, 'goaway' | 'destroy'>,
    private readonly keepalive: Pick<GrpcKeepaliveConfig, 'minPingIntervalMs' | 'permitWithoutCalls'>,
    private readonly clock: Clock,
  ) {}

  /** A call began on the connection. */
  began(): void {
    this.#calls += 1;
  }

  /** A call of the connection is over. */
  over(): void {
    this.#calls -= 1;
  }

  /** Something was sent to the client: pings that measure the line are welcome then. */
  sent(): void {
    this.#strikes = 0;
    this.#lastMs = -Infinity;
  }

  /** The client pinged. */
  pinged(): void {
    const nowMs = this.clock.monotonicMs();
    const { minPingIntervalMs, permitWithoutCalls } = this.keepalive;
    const leastMs = this.#calls > 0 || permitWithoutCalls ? minPingIntervalMs : IDLE_PING_INTERVAL_MS;
    const early = nowMs - this.#lastMs < leastMs;
    this.#lastMs = nowMs;
    if (!early) return;
    this.#strikes += 1;
    if (this.#strikes <= MAX_STRIKES) return;
    this.session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings'));
    this.session.destroy();
  }
}

/**
 * Holds every client to a rate of pings, by the rules of gRPC's own servers (proposal A8 of grpc/proposal): one that goes
 * on too fast gets a GOAWAY with ENHANCE_YOUR_CALM and `too_many_pings`, and its connection ends. grpc-js leaves that out.
 */
@Injectable()
export class PingGuards {
  readonly #guards = new WeakMap<Http2Session, PingGuard>();

  constructor(
    @Inject(sectionToken(GrpcConfig)) private readonly config: GrpcConfig,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Counts the pings of a connection from now on. */
  watch(session: Http2Session): void {
    const guard = new PingGuard(session, this.config.keepalive, this.clock);
    this.#guards.set(session, guard);
    session.on('ping', () => guard.pinged());
  }

  /** The guard of a connection that is watched. */
  of(session: Http2Session | undefined): PingGuard | undefined {
    return session === undefined ? undefined : this.#guards.get(session);
  }
}
