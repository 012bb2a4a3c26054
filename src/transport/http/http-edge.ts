import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { allows, Authenticator } from '../../auth/authenticator.js';
import { sectionToken } from '../../config/config.module.js';
import { ConfigStore } from '../../config/config-store.js';
import { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/gateway-error.js';
import { RequestLog } from '../../telemetry/request-log.js';
import { traceOf } from '../../telemetry/traceparent.js';
import { ServerConfig } from '../server.config.js';
import { presentedKey } from './caller-key.js';
import { bindExchange, HttpExchange } from './exchange.js';
import { HttpSurfaces, surfaceOf } from './http-surface.js';
import { unsupportedMediaType } from './http-error.js';
import { parseJsonBody } from './json-body.js';

/** Status that a log line gives to a request whose caller left before an answer (as nginx does). */
const CLIENT_CLOSED_REQUEST = 499;

/**
 * What happens to every HTTP request before and after its route: an id, authentication before the body is read,
 * JSON within bounds, an abort when the caller goes away, and one log line at the end.
 */
@Injectable()
export class HttpEdge {
  readonly #open = new Set<HttpExchange>();

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
    const exchange = new HttpExchange(requestId(headers['x-request-id']), surface, this.clock.monotonicMs());
    bindExchange(request, exchange);
    reply.raw.setHeader('x-request-id', exchange.id);
    this.#open.add(exchange);
    reply.raw.once('close', () => this.#end(request, reply, exchange));
    if (surface === undefined) return;
    const key = presentedKey(headers, path, surface.keyInQuery);
    if (key === undefined) {
      throw new GatewayError(
        'UNAUTHENTICATED',
        'An API key is needed: send it as "Authorization: Bearer <key>".',
      );
    }
    exchange.principal = this.authenticator.authenticate(key, this.store.current());
    if (exchange.principal === undefined)
      throw new GatewayError('UNAUTHENTICATED', 'The API key is not valid.');
    const scope = takesAnyBody(request) ? 'resources' : 'generate';
    if (!allows(exchange.principal, scope)) {
      throw new GatewayError('PERMISSION_DENIED', `The API key lacks the scope "${scope}".`);
    }
  }

  #end(request: FastifyRequest, reply: FastifyReply, exchange: HttpExchange): void {
    this.#open.delete(exchange);
    const finished = reply.raw.writableFinished;
    if (!finished) exchange.abort(new GatewayError('CANCELLED', 'The caller went away.'));
    const write = (): void => {
      const { principal, task, feature, record } = exchange;
      const refusal = exchange.refusal ?? (finished ? undefined : 'CANCELLED');
      const traceId = traceOf(request.headers['traceparent'])?.traceId;
      this.log.write({
        id: exchange.id,
        route: request.routeOptions.url ?? 'unknown',
        statusCode: finished || reply.raw.headersSent ? reply.raw.statusCode : CLIENT_CLOSED_REQUEST,
        record,
        ...(traceId === undefined ? {} : { traceId }),
        ...(refusal === undefined ? {} : { refusal }),
        ...(principal === undefined ? {} : { principal }),
        ...(task === undefined ? {} : { task }),
        ...(feature === undefined ? {} : { feature }),
      });
    };
    // A call that was aborted settles a moment later; its line waits for what it used.
    if (exchange.calling) exchange.record.whenSettled(write);
    else write();
  }
}

/** Route setting: the body passes through unread, whatever its type. */
export const ANY_BODY = { anyBody: true } as const;

function takesAnyBody(request: FastifyRequest): boolean {
  return (request.routeOptions.config as { anyBody?: boolean }).anyBody === true;
}

/** The caller's id where it is harmless in headers and logs, else a new one. */
function requestId(given: string | string[] | undefined): string {
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}
