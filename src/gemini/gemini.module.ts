import { Module } from '@nestjs/common';
import { RoutingModule } from '../routing/routing.module.js';
import { StructuredOutputModule } from '../structured-output/structured-output.module.js';
import { CallFactory } from './call-factory.js';
import { GeminiService } from './gemini.service.js';

/** The request path. */
@Module({
  imports: [RoutingModule, StructuredOutputModule],
  providers: [GeminiService, CallFactory],
  exports: [GeminiService, CallFactory],
})
export class GeminiModule {}
