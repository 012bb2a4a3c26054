import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ApiDocsPage } from './api-docs.page.js';
import { HttpError } from './http-error.js';

/**
 * Serves the OpenAPI document at /docs/openapi.json and its page at /docs. What makes them is loaded by the first
 * request for one of them.
 */
export function serveApiDocs(app: NestFastifyApplication): void {
  let loading: Promise<ApiDocsPage> | undefined;
  const answer = async ({ url, headers }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    loading ??= import('./api-docs.page.js').then(({ apiDocsPage }) => apiDocsPage(app));
    const page = await loading;
    const { statusCode, headers: found, body } = await page(url, headers);
    if (statusCode === 404) throw new HttpError(404, 'INVALID_REQUEST', 'There is nothing at this path.');
    return reply.code(statusCode).headers(found).send(body);
  };
  const fastify = app.getHttpAdapter().getInstance();
  for (const path of ['/docs', '/docs/*', '/docs-yaml']) fastify.get(path, answer);
}
