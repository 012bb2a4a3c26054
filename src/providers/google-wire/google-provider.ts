import type { Clock } from '../../core/clock.js';
import { eventsOf } from '../../core/events-of.js';
import { GatewayError } from '../../core/gateway-error.js';
import type { GenerationEvent } from '../../core/generation.js';
import { isJsonObject, type JsonObject } from '../../core/json.js';
import type { Attempt, ForwardRequest, ForwardResponse, ProbeResult, Provider } from '../../core/provider.js';
import { usageFrom } from '../../core/usage.js';
import {
  type AnswerBounds,
  readText,
  transportError,
  type UpstreamHttp,
  type UpstreamResponse,
} from '../http/upstream-http.js';
import { parseObject } from '../http/json-object.js';
import { SseEvents } from '../http/sse-events.js';
import { Watchdog } from '../http/watchdog.js';
import { AnswerReader } from './answer-reader.js';
import { googleError } from './google-errors.js';

/** What authenticates one request. */
export interface RequestCredentials {
  readonly headers: Readonly<Record<string, string>>;
  /** Says that the upstream refused them. Returns whether the next request would come with others. */
  refused(error: GatewayError): boolean;
}

/** What tells one Google backend from another. */
export interface GoogleBackend {
  /** Path and query for an operation on a model. */
  path(attempt: Attempt): string;
  /** The JSON text to send, in the backend's own form. */
  body(attempt: Attempt): string;
  /** The backend's answer in the form of the Developer API. Absent where it has that form already. */
  answer?(attempt: Attempt, value: JsonObject): JsonObject;
  /** What authenticates the next request. Throws UPSTREAM_AUTH where there are no credentials. */
  credentials(): Promise<RequestCredentials> | RequestCredentials;
  /** Where a forwarded path leads on this backend; undefined where it has no such resource. */
  forwardPath(path: string): string | undefined;
  /** Path and query that list one model. */
  readonly probePath: string;
}

const MAX_ERROR_BYTES = 1_048_576;

/** Gemini over Google's REST wire, lossless both ways, for any Google backend. */
export class GoogleProvider implements Provider {
  constructor(
    private readonly backend: GoogleBackend,
    private readonly http: UpstreamHttp,
    private readonly bounds: AnswerBounds,
    private readonly clock: Clock,
  ) {}

  async generate(attempt: Attempt): Promise<AsyncIterable<GenerationEvent>> {
    const watchdog = new Watchdog(attempt.signal, attempt.timeouts, this.clock);
    let credentials: RequestCredentials | undefined;
    try {
      const given = this.backend.credentials();
      credentials = given instanceof Promise ? await unlessAborted(given, watchdog.signal) : given;
      const response = await this.#send(attempt, credentials, watchdog.signal);
      if (response.status !== 200) throw await failureOf(response);
      if (attempt.stream && attempt.operation === 'generate') {
        if (isHtml(response)) throw googleError({ status: 0, body: '' });
        return new SseEvents(response, watchdog, new AnswerReader(), this.bounds.maxEventBytes);
      }
      const text = await readText(response, this.bounds.maxAnswerBytes);
      watchdog.done();
      return eventsOf(this.#unary(attempt, text));
    } catch (thrown) {
      const error = watchdog.explain(thrown);
      watchdog.cancel();
      throw error.reason === 'UPSTREAM_AUTH' && credentials?.refused(error) === true
        ? error.withMetadata({ otherCredentials: true })
        : error;
    }
  }

  async forward(request: ForwardRequest): Promise<ForwardResponse> {
    const path = this.backend.forwardPath(request.path);
    if (path === undefined) throw new GatewayError('UNIMPLEMENTED', 'This project has no such resource.');
    try {
      const credentials = await unlessAborted(this.backend.credentials(), request.signal);
      return await this.http.send({
        method: request.method,
        path,
        headers: { ...request.headers, ...credentials.headers },
        ...(request.body === undefined ? {} : { body: request.body }),
        signal: request.signal,
      });
    } catch (thrown) {
      if (request.signal.aborted)
        throw new GatewayError('CANCELLED', 'The caller went away.', { cause: thrown });
      throw transportError(thrown);
    }
  }

  async probe(signal: AbortSignal): Promise<ProbeResult> {
    try {
      const { headers } = await unlessAborted(this.backend.credentials(), signal);
      const response = await this.http.send({ method: 'GET', path: this.backend.probePath, headers, signal });
      if (response.status !== 200) throw await failureOf(response);
      parseObject(await readText(response, this.bounds.maxAnswerBytes));
      return { ok: true };
    } catch (thrown) {
      const { reason, message } = transportError(thrown);
      return { ok: false, detail: `${reason}: ${message}` };
    }
  }

  close(): Promise<void> {
    return this.http.close();
  }

  #send(attempt: Attempt, { headers }: RequestCredentials, signal: AbortSignal): Promise<UpstreamResponse> {
    return this.http.send({
      method: 'POST',
      path: this.backend.path(attempt),
      headers: { 'content-type': 'application/json', ...headers },
      body: this.backend.body(attempt),
      signal,
    });
  }

  #unary(attempt: Attempt, text: string): GenerationEvent[] {
    if (attempt.operation === 'generate') {
      const answer = new AnswerReader();
      const chunk = answer.chunk(text);
      try {
        return [chunk, answer.finish()];
      } catch (thrown) {
        throw GatewayError.from(thrown).withUsage(answer.usage);
      }
    }
    const received = parseObject(text);
    const value = this.backend.answer?.(attempt, received) ?? received;
    const metadata = value['usageMetadata'];
    const usage = usageFrom(isJsonObject(metadata) ? metadata : undefined);
    return [
      {
        type: 'chunk',
        value,
        ...(value === received ? { text } : {}),
        usage,
      },
      { type: 'finish', verdict: 'ok', finishReason: 'STOP', usage },
    ];
  }
}

/** What the work gives, or the signal's reason as soon as it aborts: fetching a token cannot be cancelled. */
async function unlessAborted<T>(work: Promise<T> | T, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function failureOf(response: UpstreamResponse): Promise<GatewayError> {
  const retryAfter = response.headers['retry-after'];
  return googleError({
    status: response.status,
    body: await readText(response, MAX_ERROR_BYTES),
    ...(typeof retryAfter === 'string' ? { retryAfter } : {}),
  });
}

function isHtml(response: UpstreamResponse): boolean {
  return String(response.headers['content-type'] ?? '').startsWith('text/html');
}
