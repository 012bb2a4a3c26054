import type { ServerResponse } from 'node:http';
import { systemClock } from '../../../../src/core/clock.js';
import { geminiProvider } from '../../../../src/providers/gemini/gemini.provider.js';
import type { GoogleProvider } from '../../../../src/providers/google-wire/google-provider.js';

/** Connections as small as a test needs. */
export const HTTP = { connectTimeoutMs: 1_000, keepAliveMs: 5_000, maxConnections: 8, http2: false };
/** Bounds that no honest answer of a test meets. */
export const BOUNDS = { maxAnswerBytes: 1_048_576, maxEventBytes: 1_048_576 };

/** The Developer API at a local upstream, with keys in turn. */
export function geminiAt(baseUrl: string, keys: readonly string[] = ['key-1']): GoogleProvider {
  const apiKeys = keys.map((key, index) => ({ id: `key-${index}`, current: () => key }));
  return geminiProvider({ baseUrl, apiKeys, http: HTTP, bounds: BOUNDS }, systemClock);
}

/** One response of one text that ended well. */
export const ANSWER = {
  candidates: [{ content: { role: 'model', parts: [{ text: 'Hello' }] }, finishReason: 'STOP', index: 0 }],
  usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
  modelVersion: 'some-model',
};

/** Answers with JSON. */
export function sendJson(res: ServerResponse, body: unknown, status = 200): void {
  res.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' });
  res.end(typeof body === 'string' ? body : JSON.stringify(body));
}
