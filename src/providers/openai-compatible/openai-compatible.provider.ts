import type { Clock } from '../../core/clock.js';
import type { Credential } from '../../core/credential.js';
import { eventsOf } from '../../core/events-of.js';
import { GatewayError } from '../../core/gateway-error.js';
import type { GenerationEvent } from '../../core/generation.js';
import type { JsonObject } from '../../core/json.js';
import type { Attempt, ProbeResult, Provider } from '../../core/provider.js';
import { SseEvents } from '../http/sse-events.js';
import {
  type AnswerBounds,
  readText,
  transportError,
  UpstreamHttp,
  type UpstreamHttpOptions,
  type UpstreamResponse,
} from '../http/upstream-http.js';
import { Watchdog } from '../http/watchdog.js';
import { ChatAnswer } from './chat-answer.mapper.js';
import { type OutputTokensField, toChatRequest } from './chat-request.mapper.js';
import { embeddingEvents, toEmbeddingsRequest } from './embeddings.mapper.js';
import { openAiError, retryAfterMs } from './openai-errors.js';

/** One account on an upstream that speaks the OpenAI API. */
export interface OpenAiCompatibleOptions {
  /** Up to and with the version, for example `https://api.openai.com/v1`. */
  readonly baseUrl: string;
  /** Used in turn. None for upstreams that ask for none. */
  readonly apiKeys: readonly Credential[];
  readonly http: UpstreamHttpOptions;
  readonly bounds: AnswerBounds;
  readonly outputTokensField?: OutputTokensField;
}

/** Gemini's requests and answers over the OpenAI API: chat completions and embeddings. */
export function openAiCompatibleProvider(options: OpenAiCompatibleOptions, clock: Clock): Provider {
  return new OpenAiCompatibleProvider(options, new UpstreamHttp(options.baseUrl, options.http), clock);
}

const MAX_ERROR_BYTES = 1_048_576;

/** A request in the upstream's own terms, and how to read the answer where it comes whole. */
interface Exchange {
  readonly path: string;
  readonly body: JsonObject;
  readonly read: (text: string) => readonly GenerationEvent[];
}

class OpenAiCompatibleProvider implements Provider {
  #turn = 0;

  constructor(
    private readonly options: OpenAiCompatibleOptions,
    private readonly http: UpstreamHttp,
    private readonly clock: Clock,
  ) {}

  async generate(attempt: Attempt): Promise<AsyncIterable<GenerationEvent>> {
    const { maxAnswerBytes, maxEventBytes } = this.options.bounds;
    const { path, body, read } = this.#exchange(attempt);
    const watchdog = new Watchdog(attempt.signal, attempt.timeouts, this.clock);
    try {
      const response = await this.http.send({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json', ...this.#credentials() },
        body: JSON.stringify(body),
        signal: watchdog.signal,
      });
      if (response.status !== 200) throw await this.#failureOf(response);
      if (body['stream'] === true) return new SseEvents(response, watchdog, new ChatAnswer(), maxEventBytes);
      const text = await readText(response, maxAnswerBytes);
      watchdog.done();
      return eventsOf(read(text));
    } catch (thrown) {
      const error = watchdog.explain(thrown);
      watchdog.cancel();
      throw error;
    }
  }

  async probe(signal: AbortSignal): Promise<ProbeResult> {
    try {
      const response = await this.http.send({
        method: 'GET',
        path: '/models',
        headers: this.#credentials(),
        signal,
      });
      if (response.status !== 200) throw await this.#failureOf(response);
      await readText(response, this.options.bounds.maxAnswerBytes);
      return { ok: true };
    } catch (thrown) {
      const { reason, message } = transportError(thrown);
      return { ok: false, detail: `${reason}: ${message}` };
    }
  }

  close(): Promise<void> {
    return this.http.close();
  }

  #exchange(attempt: Attempt): Exchange {
    switch (attempt.operation) {
      case 'generate':
        return {
          path: '/chat/completions',
          body: toChatRequest(attempt, this.options.outputTokensField ?? 'max_completion_tokens'),
          read: wholeAnswer,
        };
      case 'embed':
      case 'batch_embed': {
        const { body, inputs } = toEmbeddingsRequest(attempt);
        return { path: '/embeddings', body, read: (text) => embeddingEvents(attempt, inputs, text) };
      }
      case 'count_tokens':
        throw new GatewayError('UNIMPLEMENTED', 'The upstream of this model cannot count tokens.');
    }
  }

  #credentials(): Record<string, string> {
    const { apiKeys } = this.options;
    const key = apiKeys[this.#turn++ % apiKeys.length];
    return key === undefined ? {} : { authorization: `Bearer ${key.current()}` };
  }

  async #failureOf(response: UpstreamResponse): Promise<GatewayError> {
    const { status, headers } = response;
    return openAiError({
      status,
      body: await readText(response, MAX_ERROR_BYTES),
      retryAfterMs: retryAfterMs(headers['retry-after'], this.clock.wallMs()),
    });
  }
}

function wholeAnswer(text: string): readonly GenerationEvent[] {
  const answer = new ChatAnswer();
  const chunks = answer.decode(text);
  return [...chunks, answer.finish()];
}
