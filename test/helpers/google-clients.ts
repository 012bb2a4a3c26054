import { ApiError, GoogleGenAI, type GenerateContentResponse, type GoogleGenAIOptions } from '@google/genai';
import { eventually } from './eventually.js';
import { plainFetch } from './emulator-client.js';
import { TEST_KEY, type GatewayUnderTest } from './gateway.js';

/** Google's error document. */
export interface GoogleError {
  readonly code: number;
  readonly message: string;
  readonly status: string;
  readonly details: readonly Readonly<Record<string, unknown>>[];
}

/** The line that the gateway wrote about one request. */
export interface RequestLine extends Record<string, unknown> {
  readonly request_id: string;
}

/** The ways in which the official client reaches the gateway, by what its user sets. */
export const CLIENT_SETTINGS = {
  'its default version under /gemini': (url: string): GoogleGenAIOptions => ({
    httpOptions: { baseUrl: `${url}/gemini` },
  }),
  'v1beta at the root': (url: string): GoogleGenAIOptions => ({
    apiVersion: 'v1beta',
    httpOptions: { baseUrl: url },
  }),
} as const;

/** Name of one of those ways. */
export type ClientSetting = keyof typeof CLIENT_SETTINGS;

/** The official client, `v1beta` at the root unless a setting is named. */
export function googleClient(
  under: Pick<GatewayUnderTest, 'url'>,
  setting: ClientSetting = 'v1beta at the root',
  options: GoogleGenAIOptions = {},
): GoogleGenAI {
  const chosen = CLIENT_SETTINGS[setting](under.url);
  return new GoogleGenAI({
    apiKey: TEST_KEY,
    ...chosen,
    ...options,
    httpOptions: { fetch: plainFetch, ...chosen.httpOptions, ...options.httpOptions },
  });
}

/** Headers by which a call is found again in the log. */
export function named(requestId: string, headers: Record<string, string> = {}): Record<string, string> {
  return { 'x-request-id': requestId, ...headers };
}

/** The log line of a request; it is written a moment after the answer. */
export function lineOf(under: GatewayUnderTest, requestId: string): Promise<RequestLine> {
  return eventually(
    () =>
      under.logs.find(
        (line): line is RequestLine => line['context'] === 'request' && line['request_id'] === requestId,
      ),
    `the log line of ${requestId}`,
  );
}

/** All visible text of answers or chunks. */
export function spoken(...responses: readonly GenerateContentResponse[]): string {
  return responses
    .flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? [])
    .map(({ text, thought }) => (thought === true ? '' : (text ?? '')))
    .join('');
}

/** Reads a stream to its end. */
export async function drained<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of stream) all.push(one);
  return all;
}

/** How something that should fail failed: the client's error and the document within it. */
export async function refusalOf(promise: Promise<unknown>): Promise<{ status: number; error: GoogleError }> {
  const thrown: unknown = await promise.then(
    () => new Error('there was no error'),
    (error: unknown) => error,
  );
  if (!(thrown instanceof ApiError)) throw thrown;
  return { status: thrown.status, error: googleError(thrown.message) };
}

/** Google's error document in a text. Throws for anything else. */
export function googleError(text: string): GoogleError {
  const { error } = JSON.parse(text) as { error?: GoogleError };
  if (error === undefined) throw new Error(`this is no error of Google's: ${text.slice(0, 200)}`);
  return error;
}

/** The reason that the gateway gives in an error's details. */
export function reasonOf(error: GoogleError): unknown {
  return error.details.find(({ '@type': type }) => String(type).endsWith('.ErrorInfo'))?.['reason'];
}
