import { IsInt, IsNumber, Max, Min } from 'class-validator';
import { Doc, Nested } from '../config/field.decorator.js';

/** When a target is left alone. */
export class BreakerConfig {
  @Doc(
    'Failures in a row after which a target is left alone. Overloads (503) count only in a row, and four times as many as calls are under way are needed: a target with too much to do still answers some.',
  )
  @IsInt()
  @Min(1)
  consecutiveFailures: number = 5;

  @Doc('Share of failures among the last `windowCalls` calls above which it is left alone.')
  @IsNumber()
  @Min(0.01)
  @Max(0.99)
  failureShare: number = 0.5;

  @Doc('Number of calls that the share is taken of.')
  @IsInt()
  @Min(2)
  @Max(10_000)
  windowCalls: number = 40;

  @Doc(
    'How long it is left alone the first time, before a single call probes it; twice as long after each probe that fails.',
  )
  @IsInt()
  @Min(1)
  openMs: number = 5_000;

  @Doc('Longest time that it is left alone: so long may it take to notice that it is well again.')
  @IsInt()
  @Min(1)
  maxOpenMs: number = 8_000;
}

/** How many retries may be under way. */
export class RetryBudgetConfig {
  @Doc(
    'Most retries and failovers under way, as a share of the calls under way; for the process and for each target.',
  )
  @IsNumber()
  @Min(0)
  @Max(1)
  share: number = 0.2;

  @Doc('Retries that are allowed however few calls are under way.')
  @IsInt()
  @Min(0)
  floor: number = 3;
}

/** How many calls may be under way on one target, for each replica. */
export class ConcurrencyConfig {
  @Doc('Calls that may be under way on a target of which nothing is known yet.')
  @IsInt()
  @Min(1)
  initialCalls: number = 1_000;

  @Doc('So many may be under way however slow or overloaded it is.')
  @IsInt()
  @Min(1)
  minCalls: number = 10;

  @Doc('Never are more under way.')
  @IsInt()
  @Min(1)
  maxCalls: number = 10_000;

  @Doc(
    'A target whose answers take so many times longer than answers of their length usually do has too much to do, as has one that says so (503) to a tenth of its calls.',
  )
  @IsNumber()
  @Min(1.5)
  slowFactor: number = 4;
}

/** When a whole project is taken out of plans. */
export class EjectionConfig {
  @Doc('Share of failures among the last `windowCalls` attempts on a project, of whatever model.')
  @IsNumber()
  @Min(0.05)
  @Max(1)
  failureShare: number = 0.5;

  @Doc('Number of attempts that the share is taken of; a project with fewer is not judged.')
  @IsInt()
  @Min(5)
  @Max(10_000)
  windowCalls: number = 50;

  @Doc('How long a project is out the first time; so much longer each further time.')
  @IsInt()
  @Min(1)
  ejectMs: number = 30_000;

  @Doc('Longest time that a project is out.')
  @IsInt()
  @Min(1)
  maxEjectMs: number = 300_000;
}

/** What is done about failing targets. */
export class ResilienceConfig {
  static readonly section = 'resilience';
  static readonly reloadable = false;

  @Doc('When a target is left alone.')
  @Nested(() => BreakerConfig)
  breaker: BreakerConfig = new BreakerConfig();

  @Doc(
    'When a whole project is taken out of plans: it fails often and the others fail at most half as often. At most half of a plan’s targets are left out so.',
  )
  @Nested(() => EjectionConfig)
  ejection: EjectionConfig = new EjectionConfig();

  @Doc('How many calls may be under way on one target; found by itself between these bounds.')
  @Nested(() => ConcurrencyConfig)
  concurrency: ConcurrencyConfig = new ConcurrencyConfig();

  @Doc('How many retries may be under way.')
  @Nested(() => RetryBudgetConfig)
  retryBudget: RetryBudgetConfig = new RetryBudgetConfig();

  @Doc(
    'Longest pause before the first retry on the same target; drawn at random below it, twice as long for each further one.',
  )
  @IsInt()
  @Min(1)
  backoffMs: number = 100;

  @Doc('Longest pause before any retry, unless the upstream asks for a longer one.')
  @IsInt()
  @Min(1)
  maxBackoffMs: number = 1_000;

  @Doc(
    'Longest time that a call is held until the upstream takes it again; a longer wait is refused at once, with its length.',
  )
  @IsInt()
  @Min(0)
  maxWaitMs: number = 600_000;

  @Doc(
    'How long a target without any quota, or whose daily quota is used up, is left alone where Google does not say.',
  )
  @IsInt()
  @Min(1_000)
  maxRestMs: number = 3_600_000;
}
