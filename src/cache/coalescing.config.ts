import { IsInt, Max, Min } from 'class-validator';
import { Doc } from '../config/field.decorator.js';

/** Bounds of identical calls that share one upstream call. */
export class CoalescingConfig {
  @Doc('Upstream calls that may be shared at a time; calls beyond them go upstream each for itself.')
  @IsInt()
  @Min(1)
  maxFlights: number = 10_000;

  @Doc('Calls that share one upstream call; the next one starts another.')
  @IsInt()
  @Min(2)
  @Max(100_000)
  maxCallsPerFlight: number = 10_000;

  @Doc(
    'Bytes of an answer’s JSON that are kept for those who come late or read slowly. Beyond it nobody joins any more, and who is further behind fails with `QUEUE_FULL`.',
  )
  @IsInt()
  @Min(1_024)
  keptBytes: number = 2_097_152;

  @Doc('Events of an answer that are kept likewise.')
  @IsInt()
  @Min(1)
  keptEvents: number = 8_192;
}
