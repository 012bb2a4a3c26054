import { IsInt, Max, Min } from 'class-validator';
import { Doc } from '../../config/field.decorator.js';

/** How long thought signatures are kept for callers who cannot carry them. */
export class SignaturesConfig {
  static readonly section = 'signatures';
  static readonly reloadable = false;

  @Doc(
    'How long the signature of a tool call is kept after its last use, for callers of the OpenAI and Anthropic surfaces. Later turns go on with Google’s bypass value.',
  )
  @IsInt()
  @Min(1_000)
  ttlMs: number = 21_600_000;

  @Doc(
    'Most signatures in this process’s memory, where there is no Redis; those unused for longest are forgotten first.',
  )
  @IsInt()
  @Min(1)
  @Max(10_000_000)
  maxEntries: number = 50_000;

  @Doc('Most memory that they take together, where there is no Redis.')
  @IsInt()
  @Min(1_024)
  maxBytes: number = 67_108_864;
}
