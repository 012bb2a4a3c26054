import { Module } from '@nestjs/common';
import { NamedSchemas } from './named-schemas.js';
import { SchemaCompiler } from './schema-compiler.js';
import { StructuredOutputPolicy } from './structured-output.policy.js';

/** Schemas of answers: compiled for Gemini, and checked by the gateway itself. */
@Module({
  providers: [SchemaCompiler, NamedSchemas, StructuredOutputPolicy],
  exports: [StructuredOutputPolicy],
})
export class StructuredOutputModule {}
