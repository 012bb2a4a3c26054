import { IsInt, IsOptional, IsUrl, Max, Min } from 'class-validator';
import { Doc, Nested } from './field.decorator.js';

/** Google Secret Manager. */
export class GcpSecretsConfig {
  @Doc('Endpoint of the Secret Manager API, where it is not Google’s own. Plain HTTP on loopback only.')
  @IsUrl({ require_tld: false, require_protocol: true, protocols: ['http', 'https'] })
  @IsOptional()
  apiEndpoint?: string;
}

/** How references to secrets are resolved. */
export class SecretsConfig {
  static readonly section = 'secrets';
  static readonly reloadable = false;

  @Doc('How often secrets are read again. Files are read again when they change, too.')
  @IsInt()
  @Min(1_000)
  @Max(86_400_000)
  refreshIntervalMs: number = 300_000;

  @Doc('Longest wait for one secret.')
  @IsInt()
  @Min(1)
  @Max(60_000)
  fetchTimeoutMs: number = 10_000;

  @Doc('Google Secret Manager, for references that begin with `gcp-secret:`.')
  @Nested(() => GcpSecretsConfig)
  gcp: GcpSecretsConfig = new GcpSecretsConfig();
}
