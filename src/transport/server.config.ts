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

  @Doc(
    'Most connections at once; more are refused. Without it, half of the files that the process may open beside 64 of its own; the other half is for connections to upstreams.',
  )
  @IsInt()
  @Min(1)
  @IsOptional()
  maxConnections?: number;

  @Doc(
    'Most requests of the surfaces in flight at once; more are refused with 429 and `Retry-After` before their body is read. /health, /metrics and /docs are answered all the same. A request takes some 60 kB beside its body and its answer, so the default bounds them to 120 MB together.',
  )
  @IsInt()
  @Min(1)
  @Max(100_000)
  maxRequestsInFlight: number = 2_000;

  @Doc(
    'Most bytes of JSON bodies in flight at once, by the lengths that they declare; requests beyond it are refused as above, unless nothing else is in flight. Each byte takes up to eight of the heap. Without it, an eighth of what the heap may grow to, which Node derives from the memory of the container.',
  )
  @IsInt()
  @Min(1)
  @IsOptional()
  maxBodyBytesInFlight?: number;

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
