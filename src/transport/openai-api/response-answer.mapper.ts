import type { Collected } from '../../core/combinators.js';
import type { FinishEvent } from '../../core/generation.js';
import type { JsonObject } from '../../core/json.js';
import { candidatesOf, mergeChunks } from '../../core/merge-chunks.js';
import { type AnswerContext, serviceTierOf } from './chat-answer.mapper.js';
import { promptBlocked } from './finish.mapper.js';
import { type ResponseEnd, ResponseOutput } from './response-output.js';
import type { ResponseWishes } from './responses-request.mapper.js';
import { responseUsage } from './usage.mapper.js';

/** Fields of a request that its response repeats, and what they are where the request leaves them open. */
const REPEATED: Readonly<JsonObject> = {
  instructions: null,
  max_output_tokens: null,
  metadata: {},
  parallel_tool_calls: true,
  reasoning: { effort: null, summary: null },
  temperature: null,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_p: null,
  top_logprobs: 0,
  user: null,
  safety_identifier: null,
  prompt_cache_key: null,
};

/** A whole response. Throws SAFETY_BLOCKED for a blocked prompt, EMPTY_RESPONSE and UPSTREAM_PROTOCOL as chats do. */
export function wholeResponse(
  context: AnswerContext,
  body: JsonObject,
  wishes: ResponseWishes,
  { chunks, finish }: Collected,
): JsonObject {
  const merged = mergeChunks(chunks);
  const [candidate] = candidatesOf(merged);
  if (candidate === undefined && finish.verdict === 'blocked') throw promptBlocked(finish);
  const output = new ResponseOutput(context, wishes, () => undefined);
  if (candidate !== undefined) output.take(candidate);
  const end = output.finish(finish);
  return endedResponse(
    begunResponse(context, body),
    output,
    end,
    finish,
    serviceTierOf(merged.usageMetadata),
  );
}

/** A response as it is when it begins. */
export function begunResponse({ id, createdS, model }: AnswerContext, body: JsonObject): JsonObject {
  const response: JsonObject = {
    id: `resp_${id}`,
    object: 'response',
    created_at: createdS,
    status: 'in_progress',
    background: false,
    error: null,
    incomplete_details: null,
    model,
    output: [],
    previous_response_id: null,
    store: false,
    truncation: 'disabled',
    usage: null,
  };
  for (const name of Object.keys(REPEATED)) response[name] = body[name] ?? REPEATED[name];
  return response;
}

/** The same when it has ended. */
export function endedResponse(
  begun: JsonObject,
  output: ResponseOutput,
  { status, reason, extras }: ResponseEnd,
  { usage }: FinishEvent,
  serviceTier: string | undefined,
): JsonObject {
  return {
    ...begun,
    status,
    incomplete_details: reason === undefined ? null : { reason },
    output: output.items,
    usage: responseUsage(usage),
    ...(serviceTier === undefined ? {} : { service_tier: serviceTier }),
    ...(extras === undefined ? {} : { gateway: extras }),
  };
}
