import type { Clock } from '../../core/clock.js';
import type { Credential } from '../../core/credential.js';
import type { GatewayError } from '../../core/gateway-error.js';
import { isJsonObject } from '../../core/json.js';
import type { Attempt } from '../../core/provider.js';
import {
  GoogleProvider,
  type GoogleBackend,
  type RequestCredentials,
} from '../google-wire/google-provider.js';
import { KeyPool } from '../google-wire/key-pool.js';
import { type AnswerBounds, UpstreamHttp, type UpstreamHttpOptions } from '../http/upstream-http.js';

/** One project on the Gemini Developer API. */
export interface GeminiProjectOptions {
  readonly baseUrl: string;
  readonly apiKeys: readonly Credential[];
  readonly http: UpstreamHttpOptions;
  readonly bounds: AnswerBounds;
}

/**
 * Reasons of Google's that are about the key or its project. A bare PERMISSION_DENIED may be about a file that the
 * caller named: no caller must be able to have keys set aside.
 */
const SPEAKS_OF_THE_KEY = /^(?:API_KEY_|CONSUMER_|IAM_|BILLING_|SERVICE_DISABLED|UNAUTHENTICATED)/;
const API_VERSION = 'v1beta';

/** The Gemini Developer API with API keys, used in turn. */
export function geminiProvider(options: GeminiProjectOptions, clock: Clock): GoogleProvider {
  const http = new UpstreamHttp(options.baseUrl, options.http);
  return new GoogleProvider(new GeminiBackend(options.apiKeys, clock), http, options.bounds, clock);
}

class GeminiBackend implements GoogleBackend {
  readonly probePath = `/${API_VERSION}/models?pageSize=1`;
  readonly #keys: KeyPool;

  constructor(apiKeys: readonly Credential[], clock: Clock) {
    this.#keys = new KeyPool(apiKeys, clock);
  }

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
    const renamed = operation === 'embed' && request['model'] !== undefined && request['model'] !== name;
    if (renamed) return JSON.stringify({ ...request, model: name });
    return requestText ?? JSON.stringify(request);
  }

  credentials(): RequestCredentials {
    const key = this.#keys.next();
    const refused = ({ metadata }: GatewayError): boolean =>
      SPEAKS_OF_THE_KEY.test(metadata.upstreamReason ?? '') && this.#keys.refuse(key);
    return { headers: { 'x-goog-api-key': key }, refused };
  }

  forwardPath(path: string): string {
    return path;
  }
}
