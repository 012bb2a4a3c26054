import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Authenticator } from '../../auth/authenticator.js';
import { sectionToken } from '../../config/config.module.js';
import { ConfigStore } from '../../config/config-store.js';
import { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/gateway-error.js';
import { RequestLog } from '../../telemetry/request-log.js';
import { traceOf } from '../../telemetry/traceparent.js';
import { ServerConfig } from '../server.config.js';
import { admit } from '../shared/admission.js';
import { saneRequestId } from '../shared/exchange.js';
import { presentedKey } from './caller-key.js';
import { bindExchange, HttpExchange } from './exchange.js';
import { HttpSurfaces, surfaceOf } from './http-surface.js';
import { unsupportedMediaType } from './http-error.js';
import { parseJsonBody } from './json-body.js';

/** Status that a log line gives to a request whose caller left before an answer (as nginx does). */
const CLIENT_CLOSED_REQUEST = 499;

/** After how long a request that was refused for want of room is worth another try. */
const TRY_AGAIN_MS = 1_000;

/**
 * What happens to every HTTP request before and after its route: an id, room for it and authentication before the body
 * is read, JSON within bounds, an abort when the caller goes away, and one log line at the end.
 */
@Injectable()
export class HttpEdge {
  readonly #open = new Set<HttpExchange>();
  /** Those of them that were let in: what is refused must not take the room of others. */
  #letIn = 0;

  constructor(
    @Inject(HttpSurfaces) private readonly surfaces: HttpSurfaces,
    private readonly authenticator: Authenticator,
    private readonly store: ConfigStore,
    private readonly log: RequestLog,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(sectionToken(ServerConfig)) private readonly server: ServerConfig,
  ) {}

  /** Number of requests that have not been answered in full. */
  get openExchanges(): number {
    return this.#open.size;
  }

  /** Hangs the hooks into the server. Once, before it listens. */
  install(fastify: FastifyInstance): void {
    fastify.addHook('onRequest', (request, reply, done) => {
      try {
        this.#begin(request, reply);
        done();
      } catch (thrown) {
        done(GatewayError.from(thrown));
      }
    });
    fastify.removeAllContentTypeParsers();
    fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
      try {
        const { maxJsonDepth: maxDepth, maxJsonValues: maxValues } = this.server;
        done(null, takesAnyBody(request) ? body : parseJsonBody(body as string, { maxDepth, maxValues }));
      } catch (thrown) {
        done(GatewayError.from(thrown));
      }
    });
    fastify.addContentTypeParser('*', (request, payload, done) => {
      done(takesAnyBody(request) ? null : unsupportedMediaType(), payload);
    });
  }

  /** Cuts every request that is still open. */
  abortAll(reason: GatewayError): void {
    for (const exchange of this.#open) exchange.abort(reason);
  }

  #begin(request: FastifyRequest, reply: FastifyReply): void {
    const { url, headers } = request.raw;
    const path = url ?? '/';
    // The router also understands other spellings of a path (percent escapes, the absolute form): its word counts.
    const surface = surfaceOf(this.surfaces, request.routeOptions.url ?? path);
    const id = saneRequestId(headers['x-request-id']) ?? randomUUID();
    const exchange = new HttpExchange(id, surface, this.clock.monotonicMs());
    exchange.trace = traceOf(headers['traceparent']);
    bindExchange(request, exchange);
    reply.raw.setHeader('x-request-id', exchange.id);
    this.#open.add(exchange);
    reply.raw.once('close', () => this.#end(request, reply, exchange));
    if (surface === undefined) return;
    this.#letInOrRefuse(reply);
    const key = presentedKey(headers, path, surface.keyInQuery);
    const scope = takesAnyBody(request) ? 'resources' : 'generate';
    admit(exchange, key, scope, this.authenticator, this.store.current());
  }

  /** Throws QUEUE_FULL where as many requests are in flight as may be. */
  #letInOrRefuse(reply: FastifyReply): void {
    if (this.#letIn >= this.server.maxRequestsInFlight) {
      throw new GatewayError('QUEUE_FULL', 'The gateway has too many requests in flight; try again.', {
        retryAfterMs: TRY_AGAIN_MS,
      });
    }
    this.#letIn += 1;
    reply.raw.once('close', () => {
      this.#letIn -= 1;
    });
  }

  #end(request: FastifyRequest, reply: FastifyReply, exchange: HttpExchange): void {
    this.#open.delete(exchange);
    const finished = reply.raw.writableFinished;
    if (!finished) exchange.abort(new GatewayError('CANCELLED', 'The caller went away.'));
    exchange.whenSettled(() => {
      const status = finished || reply.raw.headersSent ? reply.raw.statusCode : CLIENT_CLOSED_REQUEST;
      const refusal = exchange.refusal ?? (finished ? undefined : 'CANCELLED');
      this.log.write(exchange.logEntry(request.routeOptions.url ?? 'unknown', status, refusal));
    });
  }
}

/** Route setting: the body passes through unread, whatever its type. */
export const ANY_BODY = { anyBody: true } as const;

function takesAnyBody(request: FastifyRequest): boolean {
  return (request.routeOptions.config as { anyBody?: boolean }).anyBody === true;
}
