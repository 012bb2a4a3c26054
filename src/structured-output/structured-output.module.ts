import { Module } from '@nestjs/common';
import { NamedSchemas } from './named-schemas.js';
import { SchemaCompiler } from './schema-compiler.js';

/** Schemas of answers: compiled for Gemini, and checked by the gateway itself. */
@Module({
  providers: [SchemaCompiler, NamedSchemas],
  exports: [SchemaCompiler, NamedSchemas],
})
export class StructuredOutputModule {}
