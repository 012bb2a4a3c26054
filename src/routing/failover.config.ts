import { IsBoolean, IsInt, IsNumber, IsOptional, Max, Min } from 'class-validator';
import { Doc } from '../config/field.decorator.js';

/** Which steps a failed call of a task may take, in the order in which they are taken. */
export class FailoverConfig {
  @Doc('Other keys of the project whose key was refused.')
  @IsBoolean()
  keys: boolean = true;

  @Doc('Other projects, and with them other regions, that serve the model.')
  @IsBoolean()
  projects: boolean = true;

  @Doc('The further models of the task, those of `fallback` included.')
  @IsBoolean()
  models: boolean = true;

  @Doc('Projects of `openai-compatible` after Google’s, and the other way round.')
  @IsBoolean()
  providers: boolean = true;

  @Doc('Answers made beforehand.')
  @IsBoolean()
  canned: boolean = true;

  @Doc(
    'Ask once more when a model gives no usable answer: nothing at all, or a malformed function call. The tokens of both are spent. Calls that name a model and no task get such answers as they are.',
  )
  @IsBoolean()
  unusableAnswers: boolean = true;
}

/** A second attempt for calls whose first is slow to begin. */
export class HedgeConfig {
  @Doc(
    'Share of the answers that begin faster than the wait before the second attempt, as observed on the target.',
  )
  @IsNumber()
  @Min(0.5)
  @Max(0.999)
  quantile: number = 0.95;

  @Doc('Most second attempts, as a share of the task’s calls.')
  @IsNumber()
  @Min(0)
  @Max(0.5)
  maxShare: number = 0.05;

  @Doc('Shortest wait before a second attempt, however fast the target usually is.')
  @IsInt()
  @Min(1)
  @IsOptional()
  minDelayMs: number = 10;
}
