import { Controller, Get, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { collect } from '../../core/combinators.js';
import { GatewayError } from '../../core/gateway-error.js';
import { ModelCatalog } from '../../routing/model-catalog.js';
import { answerHeaders, structuredHeaders } from '../http/answer-headers.js';
import { writeStream } from '../http/answer-stream.js';
import { modelInfo, modelPage } from './anthropic-api.models.js';
import { AnthropicCalls, type Answering } from './anthropic-calls.js';
import { toMessage } from './message-answer.mapper.js';
import { messageFraming } from './message.framing.js';
import { tokenCount } from './usage.mapper.js';

/** Anthropic's messages, their tokens, and the models. */
@Controller('anthropic/v1')
export class AnthropicApiController {
  constructor(
    private readonly calls: AnthropicCalls,
    private readonly catalog: ModelCatalog,
  ) {}

  @Post('messages')
  @HttpCode(200)
  async message(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const answering = await this.calls.generate(request);
    const { generation, context, streams } = answering;
    if (streams) {
      await writeStream(reply, generation, headersOf(answering), messageFraming(context));
      return;
    }
    const collected = await collect(generation);
    void reply.headers(structuredHeaders(collected.finish));
    send(reply, answering, toMessage(context, collected));
  }

  @Post('messages/count_tokens')
  @HttpCode(200)
  async count(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const answering = await this.calls.count(request);
    send(reply, answering, tokenCount(await collect(answering.generation)));
  }

  @Get('models')
  models(@Res() reply: FastifyReply): void {
    void reply.send(modelPage(this.catalog));
  }

  @Get('models/:model')
  model(@Param('model') name: string, @Res() reply: FastifyReply): void {
    const model = modelInfo(this.catalog, name);
    if (model === undefined)
      throw new GatewayError('MODEL_NOT_FOUND', `There is no model "${name.slice(0, 100)}".`, {
        metadata: { field: 'model' },
      });
    void reply.send(model);
  }
}

/** `request-id` is where Anthropic's client looks for it. */
function headersOf({ generation, context: { id } }: Answering): Record<string, string> {
  return { 'x-request-id': id, 'request-id': id, ...answerHeaders(generation.head) };
}

function send(reply: FastifyReply, answering: Answering, answer: object): void {
  void reply
    .headers(headersOf(answering))
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(answer));
}
