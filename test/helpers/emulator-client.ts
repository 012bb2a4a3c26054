import { fetch, request } from 'undici';
import type { GenerateContentRequest, GenerateContentResponse } from '../../src/core/gemini-wire.js';
import type { JsonObject } from '../../src/core/json.js';
import type { Emulator } from '../../src/emulator/emulator.js';

/** An answer as it came over the wire. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

/** A request of one user text. */
export function saying(text: string, fields: GenerateContentRequest = {}): GenerateContentRequest {
  return { contents: [{ role: 'user', parts: [{ text }] }], ...fields };
}

/** Calls `models/{model}:{method}` of the Developer API with key `k`. */
export function call(
  emulator: Emulator,
  method: string,
  body: JsonObject,
  options: { model?: string; headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<WireAnswer> {
  const { model = 'gemini-3.8-flash', headers = { 'x-goog-api-key': 'k' }, signal } = options;
  return send(`${emulator.url}/v1beta/models/${model}:${method}`, JSON.stringify(body), headers, signal);
}

/** Posts a body and reads the whole answer. */
export async function send(
  url: string,
  body: string,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<WireAnswer> {
  const response = await request(url, { method: 'POST', body, headers, ...(signal && { signal }) });
  return { status: response.statusCode, headers: response.headers, text: await response.body.text() };
}

/** A whole answer of generateContent. */
export async function generated(
  emulator: Emulator,
  body: GenerateContentRequest,
  model?: string,
): Promise<GenerateContentResponse> {
  const answer = await call(emulator, 'generateContent', body, model === undefined ? {} : { model });
  return JSON.parse(answer.text) as GenerateContentResponse;
}

/** The events of an SSE body, each of which must be one `data:` line and end in a blank line. */
export function events(text: string): GenerateContentResponse[] {
  const blocks = text.split('\r\n\r\n');
  if (blocks.pop() !== '') throw new Error('the last event is not terminated');
  return blocks.map((block) => {
    if (!block.startsWith('data: ')) throw new Error(`no data line: ${block.slice(0, 40)}`);
    return JSON.parse(block.slice(6)) as GenerateContentResponse;
  });
}

/** All text of an answer or of the events of one. */
export function textOf(...responses: GenerateContentResponse[]): string {
  return responses
    .flatMap((response) => response.candidates?.[0]?.content?.parts ?? [])
    .filter((part) => part.thought !== true)
    .map((part) => part.text ?? '')
    .join('');
}

/** A fetch for clients that bring none along, which works inside the test runner. */
export const plainFetch = fetch as unknown as typeof globalThis.fetch;
