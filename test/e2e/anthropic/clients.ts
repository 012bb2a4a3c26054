import Anthropic, { APIError, type ClientOptions } from '@anthropic-ai/sdk';
import { plainFetch } from '../../helpers/emulator-client.js';
import { TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';

/** The official client; it tries nothing again unless told otherwise. */
export function anthropicClient(
  under: Pick<GatewayUnderTest, 'url'>,
  options: ClientOptions = {},
): Anthropic {
  return new Anthropic({
    apiKey: TEST_KEY,
    baseURL: `${under.url}/anthropic`,
    fetch: plainFetch,
    maxRetries: 0,
    ...options,
  });
}

/** An error as the client saw it. */
export interface SeenError {
  /** Undefined for an error within a stream. */
  readonly status: number | undefined;
  readonly type: string | null | undefined;
  readonly message: string;
  readonly requestId: unknown;
  /** The gateway's own reason. */
  readonly reason: unknown;
  /** The request field at fault. */
  readonly field: unknown;
  readonly headers: Headers | undefined;
}

interface ErrorDocument {
  readonly request_id?: string;
  readonly error: { readonly message: string; readonly gateway?: { reason?: unknown; field?: unknown } };
}

/** How something that should fail failed. Throws what is no error of the API's, and where nothing failed. */
export async function seenError(promise: Promise<unknown>): Promise<SeenError> {
  const thrown: unknown = await promise.then(
    () => new Error('there was no error'),
    (error: unknown) => error,
  );
  if (!(thrown instanceof APIError)) throw thrown;
  const { status, type, headers } = thrown;
  const { request_id: requestId, error } = thrown.error as ErrorDocument;
  const { reason, field } = error.gateway ?? {};
  return {
    status: status as number | undefined,
    type,
    message: error.message,
    requestId,
    reason,
    field,
    headers: headers as Headers | undefined,
  };
}

/** What a message says, its blocks of text joined. */
export function textOf({ content }: Pick<Anthropic.Message, 'content'>): string {
  return content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

/** A tool that takes a place. */
export function placeTool(name: string): Anthropic.Tool {
  return {
    name,
    description: 'Knows a place.',
    input_schema: { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] },
  };
}

/** Header by which a call is found again in the log. */
export function named(requestId: string): { headers: Record<string, string> } {
  return { headers: { 'x-request-id': requestId } };
}
