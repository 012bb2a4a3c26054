import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { ModulesContainer } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  ApiBearerAuth,
  ApiBody,
  ApiExcludeEndpoint,
  ApiOperation,
  ApiProduces,
  ApiTags,
  DocumentBuilder,
  SwaggerModule,
} from '@nestjs/swagger';
import { docsOf, type RouteDocs } from './route-docs.js';

/** Answers a GET for a part of the documentation. */
export type ApiDocsPage = (url: string, headers: IncomingHttpHeaders) => Promise<PageAnswer>;

/** An answer in full. */
export interface PageAnswer {
  readonly statusCode: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/** Headers that belong to a connection, of which the page has none. */
const OF_THE_CONNECTION = new Set(['connection', 'date', 'keep-alive', 'transfer-encoding']);

/** The OpenAPI document of the application and the page that shows it, on a server that listens nowhere. */
export function apiDocsPage(app: NestFastifyApplication): ApiDocsPage {
  const adapter = new FastifyAdapter({ exposeHeadRoutes: false });
  const docsApp = Object.create(app, { getHttpAdapter: { value: () => adapter } }) as NestFastifyApplication;
  const document = SwaggerModule.createDocument(described(app), settings(), { autoTagControllers: false });
  SwaggerModule.setup('docs', docsApp, document, { jsonDocumentUrl: 'docs/openapi.json' });
  return async (url, headers) => {
    const answer = await adapter.inject({ method: 'GET', url, headers });
    const entries = Object.entries(answer.headers).filter(([name]) => !OF_THE_CONNECTION.has(name));
    return { statusCode: answer.statusCode, headers: Object.fromEntries(entries), body: answer.rawPayload };
  };
}

function settings() {
  return new DocumentBuilder()
    .setTitle('gemini-gateway')
    .setDescription('One internal gateway to Google’s Gemini models.')
    .setVersion('1')
    .addBearerAuth()
    .setOpenAPIVersion('3.1.0')
    .build();
}

/** The application, its documented routes described in the library's own terms and all others left out. */
function described(app: NestFastifyApplication): NestFastifyApplication {
  for (const { controllers } of app.get(ModulesContainer).values()) {
    for (const { metatype } of controllers.values())
      if (metatype !== null) describeRoutes(metatype.prototype as object);
  }
  return app;
}

// What the library is told is added to what it knows, and stays with the method as long as the process lives.
const known = new WeakSet<object>();

function describeRoutes(prototype: object): void {
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (typeof descriptor.value !== 'function' || known.has(descriptor.value)) continue;
    known.add(descriptor.value);
    const docs = docsOf(descriptor.value);
    for (const decorator of docs === undefined ? [ApiExcludeEndpoint()] : decoratorsOf(docs))
      decorator(prototype, name, descriptor);
  }
}

function decoratorsOf({ summary, body, produces }: RouteDocs): MethodDecorator[] {
  return [
    ApiTags('generation'),
    ApiBearerAuth(),
    ApiOperation({ summary }),
    ...(body === undefined ? [] : [ApiBody({ schema: body })]),
    ...(produces === undefined ? [] : [ApiProduces(...produces)]),
  ];
}
