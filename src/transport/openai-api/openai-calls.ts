import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/gateway-error.js';
import type { Generation } from '../../core/generation.js';
import type { JsonObject } from '../../core/json.js';
import { CallEntry } from '../http/call-entry.js';
import { exchangeOf } from '../http/exchange.js';
import type { JsonBody } from '../http/json-body.js';
import { SignatureCustody } from '../http/signature-custody.js';
import { type AskedModel, AskedModels, someSign } from '../shared/asked-models.js';
import { type CallOptions, callOptions } from './call-options.mapper.js';
import type { AnswerContext } from './chat-answer.mapper.js';
import type { MappedRequest } from './chat-request.mapper.js';
import { inCallersWords } from '../shared/conversation.js';
import { unlessPromptBlocked } from './first-event.js';
import { RemoteMedia } from './remote-media.js';

/** A generation with what its answer is written from. */
export interface Answering {
  readonly generation: Generation;
  readonly context: AnswerContext;
}

/** Makes the generations of this surface: maps, puts signatures back, calls, and keeps the new ones. */
@Injectable()
export class OpenAiCalls {
  constructor(
    private readonly entry: CallEntry,
    private readonly models: AskedModels,
    private readonly custody: SignatureCustody,
    private readonly media: RemoteMedia,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Rejects with a GatewayError, in the words of the request. */
  async generate(
    request: FastifyRequest,
    stream: boolean,
    map: (body: JsonObject, models: readonly AskedModel[], reads: (url: URL) => boolean) => MappedRequest,
  ): Promise<Answering> {
    const body = bodyOf(request);
    const options: CallOptions = callOptions(body, request.headers);
    const models = this.models.of(options);
    const { request: mapped, conversation } = map(body, models, (url) => this.media.reads(url));
    const { caller, signal } = exchangeOf(request);
    const { tenant } = caller;
    await this.media.read(conversation.remote, signal);
    await this.custody.restore(tenant, conversation.returned, someSign(models));
    const { call, generation } = await this.entry
      .make(request, {
        ...options,
        surface: 'openai',
        operation: 'generate',
        stream,
        request: mapped,
      })
      .catch((thrown: unknown) => {
        throw inCallersWords(GatewayError.from(thrown), conversation.origins);
      });
    return {
      generation: stream ? await unlessPromptBlocked(generation) : generation,
      context: {
        id: call.id,
        createdS: Math.floor(this.clock.wallMs() / 1000),
        model: generation.head.model,
        keepCall: (part) => this.custody.keepCall(tenant, part),
        keepText: (id, signature) => this.custody.keepText(tenant, id, signature),
      },
    };
  }
}

/** The JSON object of a request. Throws INVALID_REQUEST where there is none. */
export function bodyOf(request: FastifyRequest): JsonObject {
  const body = request.body as JsonBody | undefined;
  if (body === undefined)
    throw new GatewayError('INVALID_REQUEST', 'The body is empty; a JSON object is needed.');
  return body.value;
}
