import { ArrayNotEmpty, IsBoolean, IsIn, IsInt, IsISO8601, IsOptional, IsString, Min } from 'class-validator';
import { Doc, ListOf, MapOf, Nested } from '../config/field.decorator.js';
import type { ConfigProblem, ConfigSnapshot } from '../core/config-snapshot.js';
import { MODALITIES, type Modality } from './capabilities.js';
import { modelProblems } from './models-check.js';
import { PriceRowConfig } from './prices.config.js';
import { GenerationDefaultsConfig } from './tasks.config.js';

const STATUSES = ['ga', 'preview', 'deprecated', 'unknown'] as const;
const THINKING_LEVELS = ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'] as const;

/** What is known about one model. */
export class ModelConfig {
  @Doc('Stage of its life.')
  @IsIn(STATUSES)
  status: (typeof STATUSES)[number] = 'ga';

  @Doc('Kinds of content that it takes.')
  @IsIn(MODALITIES, { each: true })
  @ArrayNotEmpty()
  inputModalities: Modality[] = ['text', 'image', 'video', 'audio', 'pdf'];

  @Doc('Kinds of content that it gives; none for embeddings.')
  @IsIn(MODALITIES, { each: true })
  outputModalities: Modality[] = ['text'];

  @Doc('Longest prompt.')
  @IsInt()
  @Min(1)
  contextTokens: number = 1_048_576;

  @Doc('The context holds prompt, thinking and output together.')
  @IsBoolean()
  contextShared: boolean = false;

  @Doc('Longest answer.')
  @IsInt()
  @Min(0)
  maxOutputTokens: number = 65_536;

  @Doc('Longest answer that is not streamed, where shorter.')
  @IsInt()
  @Min(1)
  @IsOptional()
  maxUnaryOutputTokens?: number;

  @Doc('Thinking levels that it accepts; not known when empty.')
  @IsIn(THINKING_LEVELS, { each: true })
  thinkingLevels: (typeof THINKING_LEVELS)[number][] = [];

  @Doc('Accepts a thinking budget in tokens.')
  @IsBoolean()
  thinkingBudget: boolean = true;

  @Doc('Takes function declarations.')
  @IsBoolean()
  tools: boolean = true;

  @Doc('Answers to a schema.')
  @IsBoolean()
  structuredOutput: boolean = true;

  @Doc('Accepts cached contents made beforehand.')
  @IsBoolean()
  explicitCache: boolean = true;

  @Doc('Day on which Google shuts it down, UTC.')
  @IsISO8601({ strict: true })
  @IsOptional()
  shutdown?: string;

  @Doc('Model that answers in its place, at its own prices, from the day of the shutdown on.')
  @IsString()
  @IsOptional()
  reroutesTo?: string;

  @Doc('Settings for calls that set none, behind those of the task.')
  @Nested(() => GenerationDefaultsConfig)
  generation: GenerationDefaultsConfig = new GenerationDefaultsConfig();

  @Doc('Price rows. A tier without a row that fits has no known price.')
  @ListOf(() => PriceRowConfig)
  prices: PriceRowConfig[] = [];
}

/** The models that can be asked for. */
export class ModelsConfig {
  static readonly section = 'models';
  static readonly topLevel = true;
  static check(snapshot: ConfigSnapshot): readonly ConfigProblem[] {
    return modelProblems(snapshot.get(ModelsConfig).models);
  }

  @Doc('Models by name, with capabilities and prices.')
  @MapOf(() => ModelConfig)
  models: Record<string, ModelConfig> = {};
}
