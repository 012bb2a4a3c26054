import {
  ArrayNotEmpty,
  IsIn,
  IsInt,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  Max,
  Min,
} from 'class-validator';
import { Doc, ListOf, Nested } from '../config/field.decorator.js';
import type { Priority } from '../core/call.js';
import type { JsonObject } from '../core/json.js';
import { ContextCacheConfig } from './context-cache.config.js';
import { FailoverConfig, HedgeConfig } from './failover.config.js';
import { MirrorConfig } from './mirror.config.js';
import { STRATEGIES, type Strategy } from './strategy.js';
import { StructuredConfig } from './structured.config.js';
import { TaskCacheConfig } from './task-cache.config.js';
import { TrafficSplitConfig } from './traffic-split.config.js';

const PRIORITIES = ['interactive', 'standard', 'batch'] as const satisfies readonly Priority[];

/** Settings for calls that do not set them. */
export class GenerationDefaultsConfig {
  @Doc('Sampling temperature.')
  @IsNumber()
  @Min(0)
  @Max(2)
  @IsOptional()
  temperature?: number;

  @Doc('Nucleus sampling.')
  @IsNumber()
  @Min(0)
  @Max(1)
  @IsOptional()
  topP?: number;

  @Doc('Sampling among the likeliest.')
  @IsInt()
  @Min(1)
  @IsOptional()
  topK?: number;

  @Doc('Longest answer, thinking included.')
  @IsInt()
  @Min(1)
  @IsOptional()
  maxOutputTokens?: number;

  @Doc('How much the model thinks (Gemini 3 and newer).')
  @IsIn(['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'])
  @IsOptional()
  thinkingLevel?: string;
}

/** What answers when every model of a task failed. Exactly one of the two is set. */
export class FallbackConfig {
  @Doc('A model tried after those of the task.')
  @IsString()
  @IsOptional()
  model?: string;

  @Doc('Name of an answer in `canned`.')
  @IsString()
  @IsOptional()
  canned?: string;
}

/** A kind of work that callers ask for by name. */
export class TaskConfig {
  @Doc('Models in order of preference.')
  @IsString({ each: true })
  @ArrayNotEmpty()
  models!: string[];

  @Doc(
    'Order of the targets: `ordered` (models and projects as they are listed), `weighted` (models as listed, projects drawn by weight), `fastest`, `cheapest` (all targets by weight, health, headroom, and latency or price), `balanced` (all targets, drawn by all of these).',
  )
  @IsIn(STRATEGIES)
  strategy: Strategy = 'weighted';

  @Doc('What answers when all of the models failed, in order.')
  @ListOf(() => FallbackConfig)
  fallback: FallbackConfig[] = [];

  @Doc('Which steps a failed call may take.')
  @Nested(() => FailoverConfig)
  failover: FailoverConfig = new FailoverConfig();

  @Doc('Shares of the traffic that try other models first.')
  @Nested(() => TrafficSplitConfig)
  @IsOptional()
  split?: TrafficSplitConfig;

  @Doc('A second attempt for calls that wait longer than usual for their first event; off when absent.')
  @Nested(() => HedgeConfig)
  @IsOptional()
  hedge?: HedgeConfig;

  @Doc('A second model that gets copies of calls, to see how it does; off when absent.')
  @Nested(() => MirrorConfig)
  @IsOptional()
  mirror?: MirrorConfig;

  @Doc('Answers that are kept and given to equal questions; off when absent.')
  @Nested(() => TaskCacheConfig)
  @IsOptional()
  cache?: TaskCacheConfig;

  @Doc('What is done about answers that do not follow the schema of their call.')
  @Nested(() => StructuredConfig)
  structured: StructuredConfig = new StructuredConfig();

  @Doc('What is made of Google’s own caches of prompts; nothing when absent.')
  @Nested(() => ContextCacheConfig)
  @IsOptional()
  contextCache?: ContextCacheConfig;

  @Doc('Class of traffic.')
  @IsIn(PRIORITIES)
  priority: Priority = 'standard';

  @Doc('Deadline of a call, unless the caller sets a shorter one.')
  @IsInt()
  @Min(1)
  timeoutMs: number = 120_000;

  @Doc('Only projects with this residency may answer.')
  @IsString()
  @IsOptional()
  residency?: string;

  @Doc('Settings for calls that do not set them; before the model’s own.')
  @Nested(() => GenerationDefaultsConfig)
  generation: GenerationDefaultsConfig = new GenerationDefaultsConfig();
}

/** An answer made beforehand. */
export class CannedConfig {
  @Doc('Text of the answer.')
  @IsString()
  @IsOptional()
  text?: string;

  @Doc('JSON of the answer, for tasks with structured output.')
  @IsObject()
  @IsOptional()
  json?: JsonObject;
}
