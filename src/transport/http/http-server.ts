import type { Server, Socket } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ServerConfig } from '../server.config.js';
import { connectionsFor, openFilesLimit } from '../shared/open-files.js';

/** The HTTP server: every bound stated, nothing left to defaults that wait for ever. */
export function httpAdapter(server: ServerConfig): FastifyAdapter {
  const adapter: FastifyAdapter = new FastifyAdapter({
    bodyLimit: server.bodyLimitBytes,
    connectionTimeout: 0,
    requestTimeout: server.requestTimeoutMs,
    keepAliveTimeout: server.keepAliveMs,
    trustProxy: server.trustProxy,
    forceCloseConnections: true,
    return503OnClosing: false,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 1_024 },
    http: {
      maxHeaderSize: server.maxHeaderBytes,
      headersTimeout: server.headersTimeoutMs,
      // Node looks at slow connections every 30 s only, whatever the bounds are.
      connectionsCheckingInterval: Math.ceil(Math.min(server.headersTimeoutMs, server.requestTimeoutMs) / 4),
    },
    // No middleware is used, so its layer is left out of every request.
    skipMiddie: true,
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      unreadableUrls.get(request.server)?.(request, reply, error.statusCode === 414 ? 414 : 400);
    },
  });
  const http: Server = adapter.getHttpServer();
  const maxConnections = server.maxConnections ?? connectionsFor(openFilesLimit());
  if (maxConnections !== undefined) http.maxConnections = maxConnections;
  return adapter;
}

/** Answers a request whose URL the router cannot read, with the status that fits. No hook has run for it. */
type UnreadableUrl = (request: FastifyRequest, reply: FastifyReply, status: 400 | 414) => void;

const unreadableUrls = new WeakMap<object, UnreadableUrl>();

/** Says who answers requests with unreadable URLs on a server. Before it listens: others would have no answer. */
export function onUnreadableUrl(fastify: FastifyInstance, answer: UnreadableUrl): void {
  unreadableUrls.set(fastify, answer);
}

interface ClientError extends Error {
  readonly code?: string;
}

const REFUSALS: Readonly<Record<string, readonly [status: string, detail: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request did not arrive in time.'],
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The headers are too large.'],
};

/** Answers what is no HTTP request, or arrives too slowly to be one; there is no route and no surface yet. */
function refuseConnection(error: ClientError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, detail] = REFUSALS[error.code ?? ''] ?? [
    '400 Bad Request',
    'This is no valid HTTP request.',
  ];
  const body = problem(Number(status.slice(0, 3)), detail);
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/problem+json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function problem(status: number, detail: string): string {
  return JSON.stringify({
    type: 'about:blank',
    title: 'invalid request',
    status,
    detail,
    code: 'INVALID_REQUEST',
  });
}
