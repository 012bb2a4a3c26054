import { IsIn, IsInt, IsISO8601, IsNumber, IsOptional, Min } from 'class-validator';
import { Doc, MapOf } from '../config/field.decorator.js';

const TIERS = ['standard', 'batch', 'flex', 'priority'] as const;

/** What tokens cost in one service tier, while the dates and the size of the prompt fit. */
export class PriceRowConfig {
  @Doc('Service tier; `batch` is batch jobs.')
  @IsIn(TIERS)
  tier: (typeof TIERS)[number] = 'standard';

  @Doc('First day on which the row applies, UTC; always until `until` when absent.')
  @IsISO8601({ strict: true })
  @IsOptional()
  from?: string;

  @Doc('Last day on which the row applies, UTC; for good when absent.')
  @IsISO8601({ strict: true })
  @IsOptional()
  until?: string;

  @Doc('The row applies to prompts of at most so many tokens.')
  @IsInt()
  @Min(1)
  @IsOptional()
  upToPromptTokens?: number;

  @Doc('The row applies to prompts of more tokens.')
  @IsInt()
  @Min(1)
  @IsOptional()
  abovePromptTokens?: number;

  @Doc('USD per million input tokens.')
  @IsNumber()
  @Min(0)
  input!: number;

  @Doc('USD per million output tokens, thinking included; absent for models without output tokens.')
  @IsNumber()
  @Min(0)
  @IsOptional()
  output?: number;

  @Doc('USD per million input tokens that came from a cache; as `input` when absent.')
  @IsNumber()
  @Min(0)
  @IsOptional()
  cached?: number;

  @Doc('USD per million input tokens by modality, where not as `input`.')
  @MapOf(() => Number)
  inputByModality: Record<string, number> = {};

  @Doc('USD per million cached input tokens by modality, where not as `cached`.')
  @MapOf(() => Number)
  cachedByModality: Record<string, number> = {};

  @Doc('USD per million output tokens by modality, where not as `output`.')
  @MapOf(() => Number)
  outputByModality: Record<string, number> = {};

  @Doc('USD per million tokens and hour in an explicit cache.')
  @IsNumber()
  @Min(0)
  @IsOptional()
  cacheStorageHour?: number;
}
