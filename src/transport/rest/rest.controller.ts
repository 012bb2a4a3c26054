import { Controller, Get, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { collect } from '../../core/combinators.js';
import type { JsonObject } from '../../core/json.js';
import { ModelCatalog } from '../../routing/model-catalog.js';
import { Explanations } from '../../telemetry/explanations.js';
import { answerHeaders } from '../http/answer-headers.js';
import { writeStream } from '../http/answer-stream.js';
import { CallEntry, type Answering } from '../http/call-entry.js';
import { exchangeOf } from '../http/exchange.js';
import { HttpError } from '../http/http-error.js';
import type { JsonBody } from '../http/json-body.js';
import { Documented } from '../http/route-docs.js';
import { cacheHeaders, isKnown } from './cache-headers.js';
import { vectorsOf } from '../shared/answers.js';
import { restFraming } from './rest.framing.js';
import { answerText } from './stored-text.js';
import {
  countTokensRequest,
  embedRequest,
  generateRequest,
  metadataOf,
  schemaOf,
} from '../shared/requests.js';
import { countTokensSchema, embedSchema, generateSchema } from '../shared/request-schemas.js';
import { validCountTokensBody, validEmbedBody, validGenerateBody } from '../shared/request-validation.js';

/** The gateway's own REST API. */
@Controller('v1')
export class RestController {
  constructor(
    private readonly entry: CallEntry,
    private readonly catalog: ModelCatalog,
    private readonly explanations: Explanations,
  ) {}

  @Post('generate')
  @HttpCode(200)
  @Documented({
    summary: 'Generate an answer, whole or as server-sent events',
    body: generateSchema,
    produces: ['application/json', 'text/event-stream'],
  })
  async generate(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const body = validGenerateBody(bodyOf(request));
    const stream = body.stream ?? wantsEvents(request);
    const answering = await this.entry.make(request, {
      surface: 'rest',
      operation: 'generate',
      stream,
      request: generateRequest(body),
      ...(body.task === undefined ? {} : { task: body.task }),
      ...(body.model === undefined ? {} : { model: body.model }),
      ...(body.priority === undefined ? {} : { priority: body.priority }),
      ...(body.timeoutMs === undefined ? {} : { timeoutMs: body.timeoutMs }),
      metadata: metadataOf(body),
      ...(body.cache === undefined ? {} : { cache: body.cache }),
      ...schemaOf(body),
    });
    const { call, generation } = answering;
    if (stream) {
      await writeStream(reply, generation, requestHeaders(request, answering), restFraming(call, generation));
      return;
    }
    const collected = await collect(generation);
    send(request, reply, answering, answerText(call.id, generation.head, collected));
  }

  @Post('count-tokens')
  @HttpCode(200)
  @Documented({ summary: 'Count the tokens of a request', body: countTokensSchema })
  async countTokens(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const body = validCountTokensBody(bodyOf(request));
    const answering = await this.entry.make(request, {
      surface: 'rest',
      operation: 'count_tokens',
      stream: false,
      request: countTokensRequest(body),
      ...(body.task === undefined ? {} : { task: body.task }),
      ...(body.model === undefined ? {} : { model: body.model }),
      metadata: metadataOf(body),
      ...(body.cache === undefined ? {} : { cache: body.cache }),
    });
    const { chunks } = await collect(answering.generation);
    const { totalTokens, cachedContentTokenCount } = (chunks[0]?.value ?? {}) as JsonObject;
    const { call, generation } = answering;
    send(request, reply, answering, {
      id: call.id,
      model: generation.head.model,
      totalTokens,
      ...(cachedContentTokenCount === undefined ? {} : { cachedTokens: cachedContentTokenCount }),
    });
  }

  @Post('embed')
  @HttpCode(200)
  @Documented({ summary: 'Embed texts', body: embedSchema })
  async embed(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const body = validEmbedBody(bodyOf(request));
    const answering = await this.entry.make(request, {
      surface: 'rest',
      operation: 'batch_embed',
      stream: false,
      request: embedRequest(body),
      ...(body.task === undefined ? {} : { task: body.task }),
      ...(body.model === undefined ? {} : { model: body.model }),
      metadata: metadataOf(body),
      ...(body.cache === undefined ? {} : { cache: body.cache }),
    });
    const collected = await collect(answering.generation);
    const { call, generation } = answering;
    const { finish } = collected;
    send(request, reply, answering, {
      id: call.id,
      model: generation.head.model,
      embeddings: vectorsOf(collected),
      usage: finish.usage,
    });
  }

  @Get('requests/:id/explain')
  @Documented({ summary: 'Explain a recent request: plan, targets left out, attempts, outcome' })
  explain(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const explanation = this.explanations.of(id, exchangeOf(request).caller);
    if (explanation === undefined) {
      throw new HttpError(404, 'INVALID_REQUEST', 'There is no such request, or it is too long ago.');
    }
    void reply.send(explanation);
  }

  @Get('models')
  @Documented({ summary: 'List the models and tasks that can be asked for' })
  models(@Res() reply: FastifyReply): void {
    void reply.send(this.catalog.overview());
  }
}

function bodyOf(request: FastifyRequest): JsonObject {
  return (request.body as JsonBody | undefined)?.value ?? {};
}

function wantsEvents(request: FastifyRequest): boolean {
  return request.headers.accept?.includes('text/event-stream') === true;
}

function requestHeaders(request: FastifyRequest, { generation }: Answering): Record<string, string> {
  return { 'x-request-id': exchangeOf(request).id, ...answerHeaders(generation.head) };
}

function send(
  request: FastifyRequest,
  reply: FastifyReply,
  { call, generation: { head } }: Answering,
  answer: object | string,
): void {
  const forCaches = cacheHeaders(call, head);
  void reply.headers({ ...answerHeaders(head), ...forCaches });
  if (isKnown(request.headers['if-none-match'], forCaches['etag'])) void reply.code(304).send();
  else
    void reply
      .type('application/json; charset=utf-8')
      .send(typeof answer === 'string' ? answer : JSON.stringify(answer));
}
