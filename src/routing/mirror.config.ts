import { IsInt, IsNumber, IsOptional, IsPositive, IsString, Max, Min } from 'class-validator';
import { Doc } from '../config/field.decorator.js';

/** A second model that gets copies of a task's calls; its answers are thrown away. */
export class MirrorConfig {
  @Doc('Model that gets the copies. It must have a price, by which the copies are paid.')
  @IsString()
  model!: string;

  @Doc('Project that gets them; any that serves the model when absent.')
  @IsString()
  @IsOptional()
  project?: string;

  @Doc('Share of the task’s calls that are copied, 0 to 1.')
  @IsNumber()
  @Min(0)
  @Max(1)
  share: number = 0.1;

  @Doc(
    'Most that the copies of this task may cost in a UTC day, as each instance of the gateway counts it from its start. A copy whose longest answer could pass it is not sent.',
  )
  @IsNumber()
  @IsPositive()
  maxUsdPerDay!: number;

  @Doc('Most copies under way at once; calls beyond it are not copied.')
  @IsInt()
  @Min(1)
  @Max(1_000)
  maxInFlight: number = 8;
}
