import { create } from '@bufbuild/protobuf';
import { Controller, Inject, UseFilters } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { CallMetadata } from '../../core/call.js';
import { Clock } from '../../core/clock.js';
import { collect } from '../../core/combinators.js';
import { GatewayError } from '../../core/gateway-error.js';
import type { JsonObject, JsonValue } from '../../core/json.js';
import { ModelCatalog } from '../../routing/model-catalog.js';
import { Explanations } from '../../telemetry/explanations.js';
import { answerOf, assertAnswered, doneOf, vectorsOf } from '../shared/answers.js';
import { CallMaker, type Answering, type RouteCall } from '../shared/call-maker.js';
import { embedRequest, metadataOf, schemaOf, type GenerateBody } from '../shared/requests.js';
import { answerMessage, deltaMessages, doneMessage } from './answer.mapper.js';
import { askedToEmbed } from './embed.mapper.js';
import { explanationMessage } from './explanation.mapper.js';
import {
  CountTokensResponseSchema,
  EmbedResponseSchema,
  GeminiGateway,
  ListModelsResponseSchema,
  type CountTokensRequest,
  type CountTokensResponse,
  type EmbedRequest,
  type EmbedResponse,
  type ExplainRequest,
  type ExplainResponse,
  type GenerateRequest,
  type GenerateResponse,
  type GenerateStreamRequest,
  type GenerateStreamResponse,
  type ListModelsRequest,
  type ListModelsResponse,
} from './gen/gemini_gateway/v1/gateway_pb.js';
import { askedToCount, askedToGenerate, type Asked } from './generate-request.mapper.js';
import { GrpcError } from './grpc.errors.js';
import type { GrpcExchange } from './grpc-exchange.js';
import type { Incoming, IncomingStream } from './grpc-transport.js';
import { PassThrown } from './pass-thrown.filter.js';
import { int32, usageMessage } from './usage.mapper.js';

const SERVICE = GeminiGateway.typeName;

/** The gateway's own gRPC API. */
@Controller()
@UseFilters(PassThrown)
export class GrpcController {
  constructor(
    private readonly calls: CallMaker,
    private readonly catalog: ModelCatalog,
    private readonly explanations: Explanations,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  @GrpcMethod(SERVICE, 'Generate')
  async generate({ request, exchange }: Incoming<GenerateRequest>): Promise<GenerateResponse> {
    const asked = askedToGenerate(request);
    const { call, generation } = await this.#make(exchange, generating(asked, false));
    const collected = await collect(generation);
    const answer = answerOf(call.id, generation.head, collected);
    return answerMessage(answer, collected.finish.verdict);
  }

  @GrpcMethod(SERVICE, 'GenerateStream')
  async generateStream({
    request,
    exchange,
    answer,
  }: IncomingStream<GenerateStreamRequest, GenerateStreamResponse>): Promise<void> {
    const asked = askedToGenerate(questionOf(request));
    const { call, generation } = await this.#make(exchange, generating(asked, true));
    for await (const event of generation.events) {
      if (event.type === 'chunk') {
        for (const delta of deltaMessages(event.value)) await answer.write(delta);
      } else {
        assertAnswered(event);
        await answer.write(doneMessage(doneOf(call.id, generation.head, event), event.verdict));
      }
    }
  }

  @GrpcMethod(SERVICE, 'CountTokens')
  async countTokens({ request, exchange }: Incoming<CountTokensRequest>): Promise<CountTokensResponse> {
    const asked = askedToCount(questionOf(request));
    const { call, generation } = await this.#make(exchange, { ...called(asked), operation: 'count_tokens' });
    const { chunks } = await collect(generation);
    const { totalTokens, cachedContentTokenCount } = (chunks[0]?.value ?? {}) as JsonObject;
    return create(CountTokensResponseSchema, {
      id: call.id,
      model: generation.head.model,
      totalTokens: countOf(totalTokens),
      cachedTokens: countOf(cachedContentTokenCount),
    });
  }

  @GrpcMethod(SERVICE, 'Embed')
  async embed({ request, exchange }: Incoming<EmbedRequest>): Promise<EmbedResponse> {
    const body = askedToEmbed(request);
    const { call, generation } = await this.#make(exchange, {
      ...called({ body, request: embedRequest(body) }),
      operation: 'batch_embed',
    });
    const collected = await collect(generation);
    return create(EmbedResponseSchema, {
      id: call.id,
      model: generation.head.model,
      embeddings: vectorsOf(collected).map((values) => ({
        values: Array.isArray(values) ? values.map(Number) : [],
      })),
      usage: usageMessage(collected.finish.usage),
    });
  }

  @GrpcMethod(SERVICE, 'ListModels')
  listModels(_incoming: Incoming<ListModelsRequest>): ListModelsResponse {
    const { models, tasks } = this.catalog.overview();
    return create(ListModelsResponseSchema, {
      models: models.map((model) => ({
        ...model,
        contextTokens: int32(model.contextTokens),
        inputModalities: [...model.inputModalities],
        outputModalities: [...model.outputModalities],
        projects: [...model.projects],
      })),
      tasks: tasks.map(({ id, models: names }) => ({ id, models: [...names] })),
    });
  }

  @GrpcMethod(SERVICE, 'Explain')
  explain({ request: { id }, exchange }: Incoming<ExplainRequest>): ExplainResponse {
    const explanation = this.explanations.of(id, exchange.caller);
    if (explanation === undefined) {
      throw new GrpcError('NOT_FOUND', 'INVALID_REQUEST', 'There is no such request, or it is too long ago.');
    }
    return explanationMessage(explanation);
  }

  async #make(exchange: GrpcExchange, input: RouteCall): Promise<Answering> {
    const timeoutMs = exchange.timeoutMs(this.clock);
    const answering = await this.calls.make(
      exchange,
      timeoutMs === Infinity ? input : { ...input, timeoutMs },
    );
    exchange.head = answering.generation.head;
    exchange.dueMs = answering.call.deadlineMs;
    return answering;
  }
}

interface Question {
  readonly body: Pick<GenerateBody, 'task' | 'model' | keyof CallMetadata>;
  readonly request: JsonObject;
}

function called({ body, request }: Question): Omit<RouteCall, 'operation'> {
  const { task, model } = body;
  return {
    surface: 'grpc',
    stream: false,
    request,
    ...(task === undefined ? {} : { task }),
    ...(model === undefined ? {} : { model }),
    metadata: metadataOf(body),
  };
}

function generating(asked: Asked, stream: boolean): RouteCall {
  const { priority } = asked.body;
  return {
    ...called(asked),
    operation: 'generate',
    stream,
    ...(priority === undefined ? {} : { priority }),
    ...schemaOf(asked.body),
  };
}

function questionOf({ request }: { readonly request?: GenerateRequest | undefined }): GenerateRequest {
  if (request !== undefined) return request;
  throw new GatewayError('INVALID_REQUEST', '"request" is missing.', { metadata: { field: 'request' } });
}

function countOf(value: JsonValue | undefined): number {
  return typeof value === 'number' ? int32(value) : 0;
}
