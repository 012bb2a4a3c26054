import { IsBoolean, IsInt, Max, Min } from 'class-validator';
import { Doc } from '../config/field.decorator.js';

/** What is made of Google's own caches of prompts. */
export class ContextCacheConfig {
  @Doc(
    'Calls go first to the project that had the beginning of their prompt last, among projects that are as good: what Google caches by itself is each project’s own.',
  )
  @IsBoolean()
  affinity: boolean = true;

  @Doc(
    'Have Google keep beginnings of prompts (`cachedContents`) that save more than they cost by the prices of the model. Only on projects of `gemini`, for models that accept it and whose prices say what cached tokens and their storage cost.',
  )
  @IsBoolean()
  explicit: boolean = false;

  @Doc('Shortest beginning that counts, in tokens as estimated. Google takes none below 1,024 to 4,096.')
  @IsInt()
  @Min(1_024)
  minTokens: number = 4_096;

  @Doc('Calls with a beginning, within about `ttlMs`, before Google is asked to keep it.')
  @IsInt()
  @Min(1)
  minUses: number = 3;

  @Doc('For how long Google is asked to keep a beginning; again and again as long as that pays.')
  @IsInt()
  @Min(60_000)
  @Max(86_400_000)
  ttlMs: number = 600_000;
}
