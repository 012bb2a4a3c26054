import { Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { collect } from '../../core/combinators.js';
import { answerHeaders, structuredHeaders } from '../http/answer-headers.js';
import { writeStream } from '../http/answer-stream.js';
import { NO_PADDING, streamOptionsOf } from './chat-request.mapper.js';
import { bodyOf, OpenAiCalls } from './openai-calls.js';
import { wholeResponse } from './response-answer.mapper.js';
import { toGeminiRequest, wishesOf } from './responses-request.mapper.js';
import { responsesFraming } from './responses.framing.js';

/** OpenAI's responses, without anything kept between them. */
@Controller('openai/v1/responses')
export class ResponsesController {
  constructor(private readonly calls: OpenAiCalls) {}

  @Post()
  @HttpCode(200)
  async create(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const body = bodyOf(request);
    const streams = streamOptionsOf(body, NO_PADDING) !== undefined;
    const { generation, context } = await this.calls.generate(request, streams, toGeminiRequest);
    const headers = { 'x-request-id': context.id, ...answerHeaders(generation.head) };
    const wishes = wishesOf(body);
    if (streams) {
      await writeStream(reply, generation, headers, responsesFraming(context, body, wishes));
      return;
    }
    const collected = await collect(generation);
    const answer = wholeResponse(context, body, wishes, collected);
    void reply
      .headers({ ...headers, ...structuredHeaders(collected.finish) })
      .type('application/json; charset=utf-8')
      .send(JSON.stringify(answer));
  }
}
