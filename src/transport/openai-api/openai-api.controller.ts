import { Controller, Get, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { collect } from '../../core/combinators.js';
import { GatewayError } from '../../core/gateway-error.js';
import { ModelCatalog } from '../../routing/model-catalog.js';
import { answerHeaders } from '../http/answer-headers.js';
import { CallEntry } from '../http/call-entry.js';
import { callOptions } from './call-options.mapper.js';
import { inCallersWords } from '../shared/conversation.js';
import { embeddingList, encodingOf, toEmbedRequest } from './embeddings.mapper.js';
import { modelList, modelOf } from './openai-api.models.js';
import { bodyOf } from './openai-calls.js';

/** OpenAI's embeddings and models. */
@Controller('openai/v1')
export class OpenAiApiController {
  constructor(
    private readonly entry: CallEntry,
    private readonly catalog: ModelCatalog,
  ) {}

  @Post('embeddings')
  @HttpCode(200)
  async embed(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const body = bodyOf(request);
    const { generation } = await this.entry
      .make(request, {
        surface: 'openai',
        operation: 'batch_embed',
        stream: false,
        request: toEmbedRequest(body),
        ...callOptions(body, request.headers),
      })
      .catch((thrown: unknown) => {
        throw inCallersWords(GatewayError.from(thrown));
      });
    const collected = await collect(generation);
    const answer = embeddingList(collected, generation.head.model, encodingOf(body));
    void reply
      .headers(answerHeaders(generation.head))
      .type('application/json; charset=utf-8')
      .send(JSON.stringify(answer));
  }

  @Get('models')
  models(@Res() reply: FastifyReply): void {
    void reply.send(modelList(this.catalog));
  }

  @Get('models/:model')
  model(@Param('model') name: string, @Res() reply: FastifyReply): void {
    const model = modelOf(this.catalog, name);
    if (model === undefined)
      throw new GatewayError('MODEL_NOT_FOUND', `There is no model "${name.slice(0, 100)}".`, {
        metadata: { field: 'model' },
      });
    void reply.send(model);
  }
}
