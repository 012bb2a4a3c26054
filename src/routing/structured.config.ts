import { IsBoolean, IsIn, IsOptional, IsString } from 'class-validator';
import { Doc } from '../config/field.decorator.js';
import type { JsonValue } from '../core/json.js';

/** What a task does about an answer that does not follow its schema, after it was repaired or asked for again in vain. */
export const ON_MISMATCH = ['error', 'default', 'model'] as const;
export type OnMismatch = (typeof ON_MISMATCH)[number];

/** How a task holds answers to the schemas of its calls. */
export class StructuredConfig {
  @Doc(
    'What becomes of a call whose answer does not follow its schema, after one further question: `error` (SCHEMA_MISMATCH), `default` (the value of `default`), `model` (the answer of `model`, or the error).',
  )
  @IsIn(ON_MISMATCH)
  onMismatch: OnMismatch = 'error';

  @Doc(
    'Answer in place of one that does not follow the schema. Any JSON; itself no answer unless it follows the schema.',
  )
  @IsOptional()
  default?: JsonValue;

  @Doc('Model that is asked once in place of one whose answer does not follow the schema.')
  @IsString()
  @IsOptional()
  model?: string;

  @Doc(
    'Whether answers must follow their schema; otherwise they are repaired and marked, and passed on as they are.',
  )
  @IsBoolean()
  enforce: boolean = true;
}
