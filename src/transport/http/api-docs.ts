import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

/** Serves the OpenAPI document at /docs/openapi.json and its page at /docs. Made when first asked for. */
export function serveApiDocs(app: NestFastifyApplication): void {
  const settings = new DocumentBuilder()
    .setTitle('gemini-gateway')
    .setDescription('One internal gateway to Google’s Gemini models.')
    .setVersion('1')
    .addBearerAuth()
    .setOpenAPIVersion('3.1.0')
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, settings), {
    jsonDocumentUrl: 'docs/openapi.json',
  });
}
