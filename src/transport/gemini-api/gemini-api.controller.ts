import { Controller, Get, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Operation } from '../../core/call.js';
import { collect } from '../../core/combinators.js';
import { GatewayError } from '../../core/gateway-error.js';
import { mergeChunks } from '../../core/merge-chunks.js';
import { ModelCatalog } from '../../routing/model-catalog.js';
import { answerHeaders, structuredHeaders } from '../http/answer-headers.js';
import { writeStream } from '../http/answer-stream.js';
import { CallEntry, type RouteCall } from '../http/call-entry.js';
import { HttpError } from '../http/http-error.js';
import type { JsonBody } from '../http/json-body.js';
import { camelCased } from '../http/proto-json.js';
import { arrayFraming, sseFraming, textOfChunk } from './gemini-api.framing.js';
import { modelPage, modelResource } from './gemini-api.models.js';

const OPERATIONS: Readonly<Record<string, { operation: Operation; stream: boolean }>> = {
  generateContent: { operation: 'generate', stream: false },
  streamGenerateContent: { operation: 'generate', stream: true },
  countTokens: { operation: 'count_tokens', stream: false },
  embedContent: { operation: 'embed', stream: false },
  batchEmbedContents: { operation: 'batch_embed', stream: false },
};

/** Where Google's API stands: as Google has it, and under a prefix with either version. */
export const GEMINI_PATHS = ['v1beta', 'gemini/v1beta', 'gemini/v1'];

/** The Gemini API itself. Texts pass through as they are, both ways, unless a policy changed them. */
@Controller(GEMINI_PATHS)
export class GeminiApiController {
  constructor(
    private readonly entry: CallEntry,
    private readonly catalog: ModelCatalog,
  ) {}

  @Post('models/:call')
  @HttpCode(200)
  async call(
    @Param('call') named: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const at = named.lastIndexOf(':');
    const method = named.slice(at + 1);
    const operation = Object.hasOwn(OPERATIONS, method) ? OPERATIONS[method] : undefined;
    if (at < 1 || operation === undefined)
      throw new HttpError(404, 'INVALID_REQUEST', 'Models have no such method.');
    const routeCall = { ...operation, ...callOf(request, named.slice(0, at)) };
    const { call, generation } = await this.entry.make(request, routeCall);
    const headers = answerHeaders(generation.head);
    if (call.stream) {
      const sse = (request.query as { alt?: unknown }).alt === 'sse';
      const framing = sse ? sseFraming(call.id) : arrayFraming(call.id);
      await writeStream(reply, generation, { 'x-request-id': call.id, ...headers }, framing);
      return;
    }
    const { chunks, finish } = await collect(generation);
    const [only] = chunks;
    const text = chunks.length === 1 && only ? textOfChunk(only) : JSON.stringify(mergeChunks(chunks));
    void reply
      .headers({ ...headers, ...structuredHeaders(finish) })
      .type('application/json; charset=UTF-8')
      .send(text);
  }

  @Get('models')
  models(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const { pageSize, pageToken } = request.query as Readonly<Record<string, unknown>>;
    void reply.send(modelPage(this.catalog.models(), pageSize, pageToken));
  }

  @Get('models/:model')
  model(@Param('model') name: string, @Res() reply: FastifyReply): void {
    const model = this.catalog.models().find(({ id }) => id === name);
    if (model === undefined)
      throw new GatewayError('MODEL_NOT_FOUND', `No project serves "${name.slice(0, 100)}".`);
    void reply.send(modelResource(model));
  }
}

/** What the gateway asks beyond Google comes in headers: the Gemini API has no place for it. */
function callOf(request: FastifyRequest, model: string): Omit<RouteCall, 'operation' | 'stream'> {
  const body = request.body as JsonBody | undefined;
  if (body === undefined)
    throw new GatewayError('INVALID_REQUEST', 'The body is empty; a JSON object is needed.');
  const value = camelCased(body.value);
  const task = header(request, 'x-gateway-task');
  const feature = header(request, 'x-gateway-feature');
  const user = header(request, 'x-gateway-user');
  const conversation = header(request, 'x-gateway-conversation');
  const timeoutMs = Number(header(request, 'x-server-timeout')) * 1000;
  return {
    surface: 'gemini',
    request: value,
    ...(value === body.value ? { requestText: body.text } : {}),
    model,
    ...(task === undefined ? {} : { task }),
    ...(timeoutMs > 0 ? { timeoutMs } : {}),
    metadata: {
      ...(feature === undefined ? {} : { feature }),
      ...(user === undefined ? {} : { user }),
      ...(conversation === undefined ? {} : { conversation }),
    },
  };
}

function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && /^[\w.:-]{1,64}$/.test(value) ? value : undefined;
}
