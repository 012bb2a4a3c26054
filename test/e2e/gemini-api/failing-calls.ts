import { ApiError, type GenerateContentResponse, type GoogleGenAI } from '@google/genai';
import { expect } from '@jest/globals';
import type { LedgerEntry } from '../../../src/emulator/ledger.js';
import type { GatewayUnderTest } from '../../helpers/gateway.js';
import {
  googleError,
  named,
  reasonOf,
  type GoogleError,
  type RequestLine,
} from '../../helpers/google-clients.js';
import type { Seen } from './upstream-failures.js';

/** Tokens of a call, in the words of the log. */
interface Tokens {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly thoughts_tokens: number;
  readonly cached_tokens: number;
}

/** Everything that the caller of one call got. */
interface Received {
  readonly chunks: readonly GenerateContentResponse[];
  /** What the client threw, with the status that it saw. */
  readonly failure?: { readonly status: number; readonly error: GoogleError };
}

/** Makes a call, streamed or not, and takes whatever comes of it. Throws what is no error of the API's. */
export async function receive(
  ai: GoogleGenAI,
  stream: boolean,
  params: { model: string; id: string; headers?: Record<string, string> },
): Promise<Received> {
  const request = {
    model: params.model,
    contents: `tell me of ${params.id}`,
    config: { httpOptions: { headers: named(params.id, params.headers) } },
  };
  const chunks: GenerateContentResponse[] = [];
  try {
    if (stream) for await (const chunk of await ai.models.generateContentStream(request)) chunks.push(chunk);
    else chunks.push(await ai.models.generateContent(request));
    return { chunks };
  } catch (thrown) {
    if (!(thrown instanceof ApiError)) throw thrown;
    // Within a stream the client puts words before the document.
    const document = thrown.message.slice(thrown.message.indexOf('{'));
    return { chunks, failure: { status: thrown.status, error: googleError(document) } };
  }
}

/** Fails unless the caller got what the row says. */
export function expectSeen({ chunks, failure }: Received, seen: Seen): void {
  switch (seen.kind) {
    case 'answered': {
      expect(failure).toBeUndefined();
      const last = chunks.at(-1);
      const reasons = [last?.promptFeedback?.blockReason, last?.candidates?.[0]?.finishReason];
      expect(reasons).toContain(seen.finishReason);
      return;
    }
    case 'refused':
      expect(chunks).toEqual([]);
      expectRefusal(failure, seen);
      expect(retryDelayOf(failure?.error)).toBe(seen.retryDelay);
      return;
    case 'broken':
      expect(chunks.length).toBeGreaterThan(0);
      expectRefusal(failure, seen);
  }
}

/** Fails unless the request's log line tells the truth about upstream calls, tokens and outcome. */
export function expectTrueLine(line: RequestLine, calls: readonly LedgerEntry[], seen: Seen): void {
  expect(line).toMatchObject({
    ...tokensOf(calls),
    retry_count: calls.length - 1,
    status_code: seen.kind === 'refused' ? seen.status : 200,
    outcome: seen.kind === 'answered' ? seen.outcome : seen.reason,
    ...(seen.kind === 'answered' ? { finish_reason: seen.finishReason } : {}),
  });
}

/** What the ledger says that the calls used. */
function tokensOf(calls: readonly LedgerEntry[]): Tokens {
  const sum = (count: (call: LedgerEntry) => number): number =>
    calls.reduce((total, call) => total + count(call), 0);
  return {
    input_tokens: sum(({ inputTokens }) => inputTokens),
    output_tokens: sum(({ outputTokens }) => outputTokens),
    thoughts_tokens: sum(({ thoughtsTokens }) => thoughtsTokens),
    cached_tokens: sum(({ cachedTokens }) => cachedTokens),
  };
}

/** Upstream calls made since there were that many. */
export function callsSince(under: GatewayUnderTest, before: number): readonly LedgerEntry[] {
  return under.upstreamCalls().slice(before);
}

function expectRefusal(failure: Received['failure'], seen: { reason: string; status: number }): void {
  expect(failure?.status).toBe(seen.status);
  const error = failure?.error;
  expect(error).toMatchObject({ code: seen.status, message: expect.any(String), status: expect.any(String) });
  expect(error && reasonOf(error)).toBe(seen.reason);
  expect(JSON.stringify(error)).not.toMatch(/upstream-key|second-key|127\.0\.0\.1/);
}

function retryDelayOf(error: GoogleError | undefined): unknown {
  return error?.details.find(({ '@type': type }) => String(type).endsWith('.RetryInfo'))?.['retryDelay'];
}
