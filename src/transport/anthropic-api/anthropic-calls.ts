import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { GatewayError } from '../../core/gateway-error.js';
import type { Generation } from '../../core/generation.js';
import type { JsonObject } from '../../core/json.js';
import { CallEntry } from '../http/call-entry.js';
import { exchangeOf } from '../http/exchange.js';
import type { JsonBody } from '../http/json-body.js';
import { SignatureCustody } from '../http/signature-custody.js';
import { MediaReader } from '../media-reader.port.js';
import { AskedModels, someSign } from '../shared/asked-models.js';
import { inCallersWords } from '../shared/conversation.js';
import { callOptions } from './call-options.mapper.js';
import type { AnswerContext } from './message-answer.mapper.js';
import { isStreamed, toCountRequest, toGeminiRequest } from './message-request.mapper.js';

/** A generation with what its answer is written from. */
export interface Answering {
  readonly generation: Generation;
  /** Whether the caller reads it piece by piece. */
  readonly streams: boolean;
  readonly context: AnswerContext;
}

/** Makes the calls of this surface: maps, puts signatures back, calls, and keeps the new ones. */
@Injectable()
export class AnthropicCalls {
  constructor(
    private readonly entry: CallEntry,
    private readonly models: AskedModels,
    private readonly custody: SignatureCustody,
    @Inject(MediaReader) private readonly media: MediaReader,
  ) {}

  /** Rejects with a GatewayError, in the words of the request. */
  generate(request: FastifyRequest): Promise<Answering> {
    return this.#make(request, 'generate', isStreamed(bodyOf(request)));
  }

  /** The same question, of which only the tokens are counted. */
  count(request: FastifyRequest): Promise<Answering> {
    return this.#make(request, 'count_tokens', false);
  }

  async #make(
    request: FastifyRequest,
    operation: 'generate' | 'count_tokens',
    stream: boolean,
  ): Promise<Answering> {
    const body = bodyOf(request);
    const options = callOptions(body, request.headers);
    const models = this.models.of(options);
    const map = operation === 'generate' ? toGeminiRequest : toCountRequest;
    const { request: mapped, conversation } = map(body, models, (url) => this.media.reads(url));
    const { caller, signal } = exchangeOf(request);
    const { tenant } = caller;
    await this.media.read(conversation.remote, signal);
    await this.custody.restore(tenant, conversation.returned, someSign(models));
    const { call, generation } = await this.entry
      .make(request, { ...options, surface: 'anthropic', operation, stream, request: mapped })
      .catch((thrown: unknown) => {
        throw inCallersWords(GatewayError.from(thrown), conversation.origins);
      });
    const { model } = generation.head;
    return {
      generation,
      streams: stream,
      context: { id: call.id, model, keepCall: (part) => this.custody.keepCall(tenant, part) },
    };
  }
}

/** The JSON object of a request. Throws INVALID_REQUEST where there is none. */
function bodyOf(request: FastifyRequest): JsonObject {
  const body = request.body as JsonBody | undefined;
  if (body === undefined)
    throw new GatewayError('INVALID_REQUEST', 'The body is empty; a JSON object is needed.');
  return body.value;
}
