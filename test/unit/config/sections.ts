import {
  ArrayNotEmpty,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsOptional,
  IsString,
  Max,
  Min,
} from 'class-validator';
import { Doc, Env, ListOf, MapOf, Nested } from '../../../src/config/field.decorator.js';
import { fieldPath } from '../../../src/config/config-path.js';
import { IsSecretRef } from '../../../src/config/secret-ref.js';
import type { ConfigProblem, ConfigSnapshot } from '../../../src/core/config-snapshot.js';

class TlsConfig {
  @Doc('Certificate.')
  @IsString()
  certificateFile!: string;

  @Doc('Key.')
  @IsSecretRef()
  @Env('TLS_KEY', 'reference')
  @IsOptional()
  key?: string;
}

/** A section that takes effect at the next start only. */
export class ListenConfig {
  static readonly section = 'listen';
  static readonly reloadable = false;

  @Doc('Port.')
  @IsInt()
  @Min(0)
  @Max(65_535)
  @Env('PORT')
  port: number = 8080;

  @Doc('Name shown to callers.')
  @IsString()
  @Env('LISTEN_NAME')
  name: string = 'gateway';

  @Doc('How long calls in flight may take to finish.')
  @IsInt()
  @Min(0)
  drainTimeoutMs: number = 30_000;

  @Doc('TLS.')
  @Nested(() => TlsConfig)
  @IsOptional()
  tls?: TlsConfig;
}

class KeyConfig {
  @Doc('Reference to the key.')
  @IsSecretRef()
  secret!: string;
}

class LimitsConfig {
  @Doc('Requests per minute.')
  @IsInt()
  @Min(0)
  @IsOptional()
  rpm?: number;
}

class AccountConfig {
  @Doc('Name.')
  @IsString()
  id!: string;

  @Doc('Keys.')
  @ListOf(() => KeyConfig)
  keys: KeyConfig[] = [];

  @Doc('Limits by model.')
  @MapOf(() => LimitsConfig)
  limits: Record<string, LimitsConfig> = {};

  @Doc('Share.')
  @IsNumber()
  weight: number = 1;
}

class CacheConfig {
  @Doc('On or off.')
  @IsBoolean()
  enabled: boolean = true;

  @Doc('How long answers are kept.')
  @IsInt()
  ttlMs: number = 60_000;
}

class JobConfig {
  @Doc('Accounts in order.')
  @IsString({ each: true })
  @ArrayNotEmpty()
  accounts!: string[];

  @Doc('Class of traffic.')
  @IsIn(['interactive', 'batch'])
  priority: 'interactive' | 'batch' = 'interactive';

  @Doc('Deadline.')
  @IsInt()
  timeoutMs: number = 20_000;

  @Doc('Cache.')
  @Nested(() => CacheConfig)
  cache: CacheConfig = new CacheConfig();
}

/** A section whose fields are top-level keys. */
export class WorkConfig {
  static readonly section = 'work';
  static readonly topLevel = true;
  static check(snapshot: ConfigSnapshot): ConfigProblem[] {
    const { accounts, jobs } = snapshot.get(WorkConfig);
    const known = new Set(accounts.map(({ id }) => id));
    return Object.entries(jobs).flatMap(([name, job]) =>
      job.accounts.flatMap((account, index) =>
        known.has(account)
          ? []
          : [
              {
                path: fieldPath('jobs', name, 'accounts', index),
                message: `there is no account "${account}"`,
              },
            ],
      ),
    );
  }

  @Doc('Accounts.')
  @ListOf(() => AccountConfig)
  accounts: AccountConfig[] = [];

  @Doc('Jobs by name.')
  @MapOf(() => JobConfig)
  jobs: Record<string, JobConfig> = {};

  @Doc('Labels.')
  @MapOf(() => String)
  labels: Record<string, string> = {};
}

/** The sections that the tests of the loader and the store load. */
export const SECTIONS = [ListenConfig, WorkConfig];
