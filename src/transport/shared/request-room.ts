import { getHeapStatistics } from 'node:v8';
import { Inject, Injectable } from '@nestjs/common';
import { sectionToken } from '../../config/config.module.js';
import { GatewayError } from '../../core/gateway-error.js';
import { ServerConfig } from '../server.config.js';

/** A request's part of the room. */
export interface Place {
  /** The body turned out to have so many bytes; it was let in with what it declared. */
  holds(bodyBytes: number): void;
  /** The request is over. The first call counts. */
  leave(): void;
}

/** After how long a request that was refused for want of room is worth another try. */
const TRY_AGAIN_MS = 1_000;

/** A body is there as its own text, within the parsed request and as what goes upstream, at up to twice its bytes. */
const HEAP_PER_BODY_BYTE = 8;

/** How many requests, and how much of their bodies, the process holds at once, over all of its surfaces. */
@Injectable()
export class RequestRoom {
  #requests = 0;
  #bodyBytes = 0;
  readonly #maxBodyBytes: number;

  constructor(@Inject(sectionToken(ServerConfig)) private readonly server: ServerConfig) {
    this.#maxBodyBytes =
      server.maxBodyBytesInFlight ?? Math.floor(getHeapStatistics().heap_size_limit / HEAP_PER_BODY_BYTE);
  }

  /**
   * A place for a request until it is over. `bodyBytes` is what its body will take, as far as that is known. One request
   * is let in whatever its size. Throws QUEUE_FULL where there is no place.
   */
  take(bodyBytes: number): Place {
    if (this.#requests >= this.server.maxRequestsInFlight) throw full('too many requests');
    if (this.#requests > 0 && this.#bodyBytes + bodyBytes > this.#maxBodyBytes) {
      throw full('requests that are too large together');
    }
    let held = bodyBytes;
    let left = false;
    this.#requests += 1;
    this.#bodyBytes += held;
    return {
      holds: (actualBytes) => {
        if (left) return;
        this.#bodyBytes += actualBytes - held;
        held = actualBytes;
      },
      leave: () => {
        if (left) return;
        left = true;
        this.#requests -= 1;
        this.#bodyBytes -= held;
      },
    };
  }
}

function full(of: string): GatewayError {
  return new GatewayError('QUEUE_FULL', `The gateway has ${of} in flight; try again.`, {
    retryAfterMs: TRY_AGAIN_MS,
  });
}
