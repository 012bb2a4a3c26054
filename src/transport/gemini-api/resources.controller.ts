import { All, Controller, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { ResourceForwarder } from '../../routing/resource-forwarder.js';
import { exchangeOf } from '../http/exchange.js';
import { ANY_BODY } from '../http/http-edge.js';
import { GEMINI_PATHS } from './gemini-api.controller.js';
import { forwardedHeaders, returnedHeaders, upstreamPath } from './resources.mapper.js';

const UPLOAD_PATHS = ['upload/v1beta', 'gemini/upload/v1beta', 'gemini/upload/v1'];

/**
 * Files, cached contents and batches pass through to the project that keeps them, bodies unread. Upload URLs that
 * Google hands out come back through the gateway.
 */
@Controller()
export class ResourcesController {
  constructor(private readonly forwarder: ResourceForwarder) {}

  @All([
    ...UPLOAD_PATHS.map((path) => `${path}/files`),
    ...GEMINI_PATHS.flatMap((path) => [
      `${path}/files`,
      `${path}/files/*`,
      `${path}/files::register`,
      `${path}/cachedContents`,
      `${path}/cachedContents/*`,
      `${path}/batches`,
      `${path}/batches/*`,
      `${path}/models/:model(^[^:]+)::batchGenerateContent`,
    ]),
  ])
  @RouteConfig(ANY_BODY)
  async forward(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const response = await this.forwarder.forward({
      method: request.method,
      path: upstreamPath(request.raw.url ?? '/'),
      headers: forwardedHeaders(request.headers),
      body: bodyOf(request),
      signal: exchangeOf(request).signal,
    });
    void reply
      .code(response.status)
      .headers(returnedHeaders(response.headers, request))
      .send(Readable.from(response.body));
  }
}

function bodyOf(request: FastifyRequest): AsyncIterable<Uint8Array> | undefined {
  const { body } = request;
  if (typeof body === 'string') return Readable.from([Buffer.from(body)]);
  return body instanceof Readable ? body : undefined;
}
