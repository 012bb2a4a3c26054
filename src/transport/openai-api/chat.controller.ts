import { Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { collect } from '../../core/combinators.js';
import { answerHeaders, structuredHeaders } from '../http/answer-headers.js';
import { writeStream } from '../http/answer-stream.js';
import { chatCompletion } from './chat-answer.mapper.js';
import { streamingOf, toGeminiRequest } from './chat-request.mapper.js';
import { chatFraming } from './chat.framing.js';
import { bodyOf, OpenAiCalls } from './openai-calls.js';

/** OpenAI's chat completions. */
@Controller('openai/v1/chat')
export class ChatController {
  constructor(private readonly calls: OpenAiCalls) {}

  @Post('completions')
  @HttpCode(200)
  async complete(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const streaming = streamingOf(bodyOf(request));
    const answering = await this.calls.generate(request, streaming !== undefined, toGeminiRequest);
    const { generation, context } = answering;
    const headers = { 'x-request-id': context.id, ...answerHeaders(generation.head) };
    if (streaming !== undefined) {
      await writeStream(reply, generation, headers, chatFraming(context, streaming));
      return;
    }
    const collected = await collect(generation);
    const answer = chatCompletion(context, collected);
    void reply
      .headers({ ...headers, ...structuredHeaders(collected.finish) })
      .type('application/json; charset=utf-8')
      .send(JSON.stringify(answer));
  }
}
