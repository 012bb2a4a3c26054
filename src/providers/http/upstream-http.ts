import { type Readable } from 'node:stream';
import { Agent, errors } from 'undici';
import { GatewayError } from '../../core/gateway-error.js';

/** Connection settings of one upstream. */
export interface UpstreamHttpOptions {
  /** Bound on TCP and TLS connection set-up. */
  readonly connectTimeoutMs: number;
  /** How long an idle connection is kept. */
  readonly keepAliveMs: number;
  /** Most connections to one origin at once. */
  readonly maxConnections: number;
  /** Offer HTTP/2 to TLS origins. */
  readonly http2: boolean;
}

/** Bounds on what an upstream may send. */
export interface AnswerBounds {
  readonly maxAnswerBytes: number;
  readonly maxEventBytes: number;
}

/** An upstream response whose body has not been read. */
export interface UpstreamResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Destroying it cancels the request. */
  readonly body: Readable & { text(): Promise<string> };
}

/** A request to an upstream. */
export interface UpstreamRequest {
  readonly method: string;
  /** Path and query, beginning with a slash. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
}

/** One upstream origin over one tuned connection pool. */
export class UpstreamHttp {
  readonly #agent: Agent;
  readonly #origin: string;
  readonly #prefix: string;

  /** `baseUrl` may carry a path, which stands before every request's path. */
  constructor(baseUrl: string, options: UpstreamHttpOptions) {
    const url = new URL(baseUrl);
    this.#origin = url.origin;
    this.#prefix = url.pathname.replace(/\/+$/, '');
    this.#agent = new Agent({
      connect: { timeout: options.connectTimeoutMs },
      keepAliveTimeout: options.keepAliveMs,
      keepAliveMaxTimeout: options.keepAliveMs,
      connections: options.maxConnections,
      allowH2: options.http2,
      pipelining: 1,
      // Time is bounded by the caller's signal; undici's own 300 s limits would cut long answers.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** Sends the request and resolves with its response head. Throws whatever the transport threw. */
  async send(request: UpstreamRequest): Promise<UpstreamResponse> {
    const { statusCode, headers, body } = await this.#agent.request({
      origin: this.#origin,
      path: this.#prefix + request.path,
      method: request.method,
      headers: request.headers,
      body: (request.body as string | undefined) ?? null,
      signal: request.signal,
    });
    return { status: statusCode, headers, body };
  }

  /** Lets requests in flight finish, then closes the connections. */
  close(): Promise<void> {
    return this.#agent.close();
  }
}

/** Reads a body as UTF-8 text. Throws UPSTREAM_PROTOCOL, and cancels, beyond `maxBytes`. */
export async function readText(response: UpstreamResponse, maxBytes: number): Promise<string> {
  const declared = Number(response.headers['content-length']);
  if (declared <= maxBytes) return response.body.text();
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response.body) {
    bytes += (piece as Buffer).length;
    if (bytes > maxBytes) {
      throw new GatewayError('UPSTREAM_PROTOCOL', `The upstream's answer is larger than ${maxBytes} bytes.`);
    }
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces).toString('utf8');
}

const CODES_BEFORE_SENDING = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

/** What the gateway itself has run out of: no upstream is to blame, and none could be reached instead. */
const OWN_SHORTAGES = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);
const SHORTAGE_RETRY_MS = 1_000;

/**
 * The GatewayError for a failure of the connection or of the transport below HTTP: QUEUE_FULL where the gateway has no
 * sockets left, which no target may answer for; INTERNAL for what is no such failure.
 */
export function transportError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  if (thrown instanceof errors.HTTPParserError)
    return new GatewayError('UPSTREAM_PROTOCOL', 'The upstream answered with something that is no HTTP.', {
      cause: thrown,
    });
  const code = codeOf(thrown);
  // Sockets, TLS, DNS and undici all give codes; what has none is a mistake of ours, and no target's fault.
  if (code === undefined) {
    return isTimeout(thrown)
      ? new GatewayError('UPSTREAM_UNAVAILABLE', 'The upstream did not answer in time.', { cause: thrown })
      : GatewayError.from(thrown);
  }
  if (OWN_SHORTAGES.has(code)) {
    return new GatewayError('QUEUE_FULL', 'The gateway has no connection to spare.', {
      cause: thrown,
      retryAfterMs: SHORTAGE_RETRY_MS,
    });
  }
  const what = CODES_BEFORE_SENDING.has(code)
    ? 'The upstream cannot be reached.'
    : 'The connection to the upstream broke.';
  return new GatewayError('UPSTREAM_UNAVAILABLE', what, {
    cause: thrown,
    metadata: { upstreamReason: code },
  });
}

/** Reason of an `AbortSignal.timeout`. */
function isTimeout(thrown: unknown): boolean {
  return (thrown as { readonly name?: unknown } | undefined)?.name === 'TimeoutError';
}

function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  const { code, cause } = thrown as { readonly code?: unknown; readonly cause?: unknown };
  return typeof code === 'string' ? code : codeOf(cause);
}
