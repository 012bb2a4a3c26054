import { IsInt, IsNumber, IsOptional, IsUrl, Max, Min } from 'class-validator';
import { Doc, Env, MapOf } from '../config/field.decorator.js';
import { IsSecretRef } from '../config/secret-ref.js';

/** A header whose value is a secret. */
export class TraceHeaderConfig {
  @Doc('Value of the header.')
  @IsSecretRef()
  secret!: string;
}

/** Where spans go. */
export class TracesConfig {
  @Doc('OTLP receiver that takes spans over HTTP; `/v1/traces` is added. Without it none are made.')
  @Env('OTEL_EXPORTER_OTLP_ENDPOINT')
  @IsUrl({ require_tld: false, protocols: ['http', 'https'], require_protocol: true })
  @IsOptional()
  otlpEndpoint?: string;

  @Doc('Share of the calls that are traced. A `traceparent` of the caller decides for its call.')
  @IsNumber()
  @Min(0)
  @Max(1)
  sampleShare: number = 0.1;

  @Doc('Headers for the receiver, by name.')
  @MapOf(() => TraceHeaderConfig)
  headers: Record<string, TraceHeaderConfig> = {};

  @Doc('How long spans wait for others to be sent with.')
  @IsInt()
  @Min(1)
  exportIntervalMs: number = 5_000;

  @Doc('How long the gateway’s end waits for the last spans to be sent.')
  @IsInt()
  @Min(0)
  flushTimeoutMs: number = 2_000;
}
