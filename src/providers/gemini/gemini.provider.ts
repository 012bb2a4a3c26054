import type { Clock } from '../../core/clock.js';
import type { Credential } from '../../core/credential.js';
import { GatewayError } from '../../core/gateway-error.js';
import { isJsonObject } from '../../core/json.js';
import type { Attempt } from '../../core/provider.js';
import { GoogleProvider, type GoogleBackend } from '../google-wire/google-provider.js';
import { probeModels } from '../google-wire/sdk.js';
import { type AnswerBounds, UpstreamHttp, type UpstreamHttpOptions } from '../http/upstream-http.js';

/** One project on the Gemini Developer API. */
export interface GeminiProjectOptions {
  readonly baseUrl: string;
  readonly apiKeys: readonly Credential[];
  readonly http: UpstreamHttpOptions;
  readonly bounds: AnswerBounds;
}

const API_VERSION = 'v1beta';

/** The Gemini Developer API with API keys, used in turn. */
export function geminiProvider(options: GeminiProjectOptions, clock: Clock): GoogleProvider {
  const http = new UpstreamHttp(options.baseUrl, options.http);
  return new GoogleProvider(new GeminiBackend(options, http), http, options.bounds, clock);
}

class GeminiBackend implements GoogleBackend {
  #turn = 0;

  constructor(
    private readonly options: GeminiProjectOptions,
    private readonly http: UpstreamHttp,
  ) {}

  path({ operation, model, stream }: Attempt): string {
    const models = `/${API_VERSION}/models/${encodeURIComponent(model)}`;
    switch (operation) {
      case 'generate':
        return stream ? `${models}:streamGenerateContent?alt=sse` : `${models}:generateContent`;
      case 'count_tokens':
        return `${models}:countTokens`;
      case 'embed':
        return `${models}:embedContent`;
      case 'batch_embed':
        return `${models}:batchEmbedContents`;
    }
  }

  body(attempt: Attempt): string {
    const { operation, request, requestText } = attempt;
    const name = `models/${attempt.model}`;
    if (operation === 'count_tokens' && isJsonObject(request['generateContentRequest'])) {
      const inner = { ...request['generateContentRequest'], model: name };
      return JSON.stringify({ ...request, generateContentRequest: inner });
    }
    if (operation === 'batch_embed' && Array.isArray(request['requests'])) {
      const requests = request['requests'].map((one) => (isJsonObject(one) ? { ...one, model: name } : one));
      return JSON.stringify({ ...request, requests });
    }
    return requestText ?? JSON.stringify(request);
  }

  credentials(): Record<string, string> {
    const { apiKeys } = this.options;
    const key = apiKeys[this.#turn++ % apiKeys.length];
    if (key === undefined) throw new GatewayError('UPSTREAM_AUTH', 'The project has no API key.');
    return { 'x-goog-api-key': key.current() };
  }

  forwardPath(path: string): string {
    return path;
  }

  async probe(signal: AbortSignal): Promise<void> {
    const { baseUrl } = this.options;
    await probeModels(
      { apiKey: this.credentials()['x-goog-api-key'] ?? '', baseUrl, fetch: this.http.fetch },
      signal,
    );
  }
}
