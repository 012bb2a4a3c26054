import OpenAI, { APIError, type ClientOptions } from 'openai';
import { plainFetch } from './emulator-client.js';
import { TEST_KEY, type GatewayUnderTest } from './gateway.js';

/** Header by which a call is found again in the log. */
export function named(
  requestId: string,
  headers: Record<string, string> = {},
): { headers: Record<string, string> } {
  return { headers: { 'x-request-id': requestId, ...headers } };
}

/** The official client; it tries nothing again unless told otherwise. */
export function openAiClient(under: Pick<GatewayUnderTest, 'url'>, options: ClientOptions = {}): OpenAI {
  return new OpenAI({
    apiKey: TEST_KEY,
    baseURL: `${under.url}/openai/v1`,
    fetch: plainFetch,
    maxRetries: 0,
    ...options,
  });
}

/** An error as the client saw it. */
export interface SeenError {
  /** Undefined for an error within a stream. */
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly code: string | null | undefined;
  readonly param: string | null | undefined;
  readonly message: string;
  /** The gateway's own reason. */
  readonly reason: unknown;
  readonly headers: Headers | undefined;
}

/** How something that should fail failed. Throws what is no error of the API's, and where nothing failed. */
export async function seenError(promise: Promise<unknown>): Promise<SeenError> {
  const thrown: unknown = await promise.then(
    () => new Error('there was no error'),
    (error: unknown) => error,
  );
  if (!(thrown instanceof APIError)) throw thrown;
  const { status, type, code, param } = thrown;
  const { message, gateway } = thrown.error as { message: string; gateway?: { reason?: unknown } };
  return { status, type, code, param, message, reason: gateway?.reason, headers: thrown.headers };
}

/** What a streamed chat completion comes to. */
export interface StreamedChat {
  readonly chunks: readonly OpenAI.ChatCompletionChunk[];
  readonly content: string;
  readonly reasoning: string;
  readonly toolCalls: OpenAI.ChatCompletionMessageFunctionToolCall[];
  readonly finishReason: string | null | undefined;
  readonly usage: OpenAI.CompletionUsage | undefined;
}

/** Reads a streamed chat completion of one choice to its end, as an application does. */
export async function readChat(stream: AsyncIterable<OpenAI.ChatCompletionChunk>): Promise<StreamedChat> {
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  const toolCalls: OpenAI.ChatCompletionMessageFunctionToolCall[] = [];
  let content = '';
  let reasoning = '';
  for await (const chunk of stream) {
    chunks.push(chunk);
    const delta = chunk.choices[0]?.delta;
    content += delta?.content ?? '';
    reasoning += (delta as { reasoning_content?: string } | undefined)?.reasoning_content ?? '';
    for (const { index, id, function: fn } of delta?.tool_calls ?? []) {
      toolCalls[index] ??= { id: id ?? '', type: 'function', function: { name: '', arguments: '' } };
      const call = toolCalls[index].function;
      call.name += fn?.name ?? '';
      call.arguments += fn?.arguments ?? '';
    }
  }
  return {
    chunks,
    content,
    reasoning,
    toolCalls,
    finishReason: chunks.findLast(({ choices }) => choices[0]?.finish_reason)?.choices[0]?.finish_reason,
    usage: chunks.findLast(({ usage }) => usage)?.usage ?? undefined,
  };
}

/** A function that takes a place. */
export function placeTool(name: string): OpenAI.ChatCompletionFunctionTool {
  return {
    type: 'function',
    function: {
      name,
      parameters: { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] },
    },
  };
}
