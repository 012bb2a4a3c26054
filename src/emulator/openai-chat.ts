import type { Clock } from '../core/clock.js';
import type { GenerateContentRequest, GenerateContentResponse } from '../core/gemini-wire.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import { sendJson, type Exchange, type Wing } from './exchange.js';
import { bearerOf, parseObject, readJsonBody, sendGoogleError } from './google-rest.js';
import { Completion } from './openai-completion.js';
import { embeddingsAnswer } from './openai-embeddings.js';
import { OpenAiReply } from './openai-reply.js';
import { geminiRequestOf, InvalidChatRequest } from './openai-request.js';
import { OpenAiScripts, type OpenAiCall, type OpenAiFault } from './openai-scripts.js';

/** What the OpenAI-compatible upstream answers with, and to whom. */
export interface OpenAiOptions {
  readonly clock: Clock;
  readonly answer: (model: string, request: GenerateContentRequest) => GenerateContentResponse;
  readonly embed: (text: string, dimensions: number) => number[];
  /** The keys that exist; undefined when every key does. */
  readonly apiKeys?: readonly string[];
  /** Models that are listed; every name is answered. */
  readonly models?: readonly string[];
}

type Handler = (body: JsonObject, reply: OpenAiReply, fault: OpenAiFault | undefined) => void;

const PREFIX = '/openai/v1/';

/**
 * An OpenAI-compatible upstream under `/openai/v1`: chat completions, embeddings and models. `POST
 * /emulator/openai/scenarios` scripts failures, `GET /emulator/openai/ledger` tells every call.
 */
export function openAiWing(options: OpenAiOptions): Wing {
  const scripts = new OpenAiScripts();

  const chat: Handler = (body, reply, fault) => {
    const { call } = reply;
    const response = options.answer(call.model, geminiRequestOf(body));
    const completion = new Completion(call.model, Math.floor(options.clock.wallMs() / 1000), response);
    call.inputTokens = completion.usage.prompt_tokens;
    call.outputTokens = completion.usage.completion_tokens;
    if (call.stream) reply.stream(completion.chunks(wantsUsage(body)), fault);
    else reply.send(completion.whole(), fault);
  };

  const embeddings: Handler = (body, reply, fault) => {
    const answer = embeddingsAnswer(body, options.embed);
    reply.call.inputTokens = answer.usage.prompt_tokens;
    reply.send(answer, fault);
  };

  async function serve(
    exchange: Exchange,
    operation: OpenAiCall['operation'],
    handle: Handler,
  ): Promise<void> {
    const call = scripts.open(operation);
    const reply = new OpenAiReply(exchange, call);
    const body = parseObject((await exchange.readBody()).toString());
    const key = bearerOf(exchange);
    if (key === '' || options.apiKeys?.includes(key) === false) {
      reply.refuse(401, 0);
      return;
    }
    try {
      if (body === undefined)
        throw new InvalidChatRequest('We could not parse the JSON body of your request.', null);
      if (typeof body['model'] !== 'string')
        throw new InvalidChatRequest('you must provide a model parameter', 'model');
      call.model = body['model'];
      call.stream = body['stream'] === true;
      const script = scripts.take();
      if (script?.status === undefined) handle(body, reply, script?.fault);
      else reply.refuse(script.status, script.retryAfterSeconds);
    } catch (error) {
      if (!(error instanceof InvalidChatRequest)) throw error;
      reply.refuseRequest(error);
    }
  }

  async function control(exchange: Exchange): Promise<void> {
    const body = await readJsonBody(exchange);
    if (body === undefined) return;
    if (scripts.add(body)) sendJson(exchange, 200, {});
    else
      sendGoogleError(exchange, 'INVALID_ARGUMENT', 'Expected {status | kind, times?, retryAfterSeconds?}.');
  }

  const models = (options.models ?? ['emulated-chat', 'emulated-embedding']).map((id) => ({
    id,
    object: 'model',
    created: 0,
    owned_by: 'emulator',
  }));

  return async (exchange) => {
    const route = `${exchange.method} ${exchange.path}`;
    if (route === `POST ${PREFIX}chat/completions`) await serve(exchange, 'chat', chat);
    else if (route === `POST ${PREFIX}embeddings`) await serve(exchange, 'embeddings', embeddings);
    else if (route === `GET ${PREFIX}models`) sendJson(exchange, 200, { object: 'list', data: models });
    else if (route === 'POST /emulator/openai/scenarios') await control(exchange);
    else if (route === 'GET /emulator/openai/ledger') sendJson(exchange, 200, { calls: scripts.calls });
    else return false;
    return true;
  };
}

function wantsUsage(body: JsonObject): boolean {
  const asked = body['stream_options'];
  return isJsonObject(asked) && asked['include_usage'] === true;
}
