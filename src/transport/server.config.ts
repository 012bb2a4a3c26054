import { IsBoolean, IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import { Doc, Env } from '../config/field.decorator.js';

/** How the gateway listens and stops. */
export class ServerConfig {
  static readonly section = 'server';
  static readonly reloadable = false;

  @Doc('Port of the HTTP surfaces; 0 takes any free one.')
  @Env('PORT')
  @IsInt()
  @Min(0)
  @Max(65_535)
  port: number = 8080;

  @Doc('Address to listen on.')
  @IsString()
  host: string = '0.0.0.0';

  @Doc('Largest request body. Google takes at most 100 MB with inline data.')
  @IsInt()
  @Min(1_024)
  @Max(1_073_741_824)
  bodyLimitBytes: number = 33_554_432;

  @Doc('Most nested levels of a JSON body; Google’s own limit.')
  @IsInt()
  @Min(1)
  @Max(1_000)
  maxJsonDepth: number = 100;

  @Doc('Most values within a JSON body.')
  @IsInt()
  @Min(1)
  maxJsonValues: number = 1_000_000;

  @Doc('Longest time for the headers of a request to arrive.')
  @IsInt()
  @Min(100)
  headersTimeoutMs: number = 15_000;

  @Doc('Longest time for a whole request to arrive.')
  @IsInt()
  @Min(100)
  requestTimeoutMs: number = 120_000;

  @Doc('How long an idle connection is kept. Longer than that of the load balancer in front.')
  @IsInt()
  @Min(0)
  keepAliveMs: number = 75_000;

  @Doc('Largest headers of a request together.')
  @IsInt()
  @Min(1_024)
  @Max(1_048_576)
  maxHeaderBytes: number = 32_768;

  @Doc('Most connections at once; more are refused. Without it, no bound but the system’s.')
  @IsInt()
  @Min(1)
  @IsOptional()
  maxConnections?: number;

  @Doc(
    'Most requests of the HTTP surfaces in flight at once; more are refused at once with 429 before their body is read. /health and /metrics are answered all the same. What a request may hold (its body and its answer) times this is the memory that callers can take.',
  )
  @IsInt()
  @Min(1)
  @Max(100_000)
  maxRequestsInFlight: number = 2_000;

  @Doc('Take the caller’s address and protocol from `X-Forwarded-*`. Only behind a proxy that sets them.')
  @IsBoolean()
  trustProxy: boolean = false;

  @Doc('How long the gateway goes on serving after SIGTERM while it already says that it is not ready.')
  @IsInt()
  @Min(0)
  unreadyBeforeDrainMs: number = 0;

  @Doc('How long calls in flight may take after that before they are cut.')
  @IsInt()
  @Min(0)
  drainTimeoutMs: number = 25_000;

  @Doc('Serve the OpenAPI document and its page at /docs.')
  @IsBoolean()
  docs: boolean = true;
}
