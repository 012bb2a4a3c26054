import {
  ArrayNotEmpty,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsOptional,
  IsString,
  IsUrl,
  Matches,
  Max,
  Min,
} from 'class-validator';
import { Doc, ListOf, MapOf, Nested } from '../config/field.decorator.js';
import { IsSecretRef } from '../config/secret-ref.js';
import { ModelLimitsConfig } from '../quota/limits.config.js';

/** Name in `limits` that stands for every model without limits of its own. */
export const EVERY_OTHER_MODEL = '*';

/** Kinds of upstream that a project can be. */
export const PROVIDER_KINDS = ['gemini', 'vertex', 'openai-compatible'] as const;
export type ProviderKind = (typeof PROVIDER_KINDS)[number];

/** One API key of a project. */
export class ApiKeyConfig {
  @Doc('Reference to the secret that holds the key.')
  @IsSecretRef()
  secret!: string;
}

/** How a project authenticates. */
export class CredentialsConfig {
  @Doc('API keys, used in turn (`gemini`, `openai-compatible`).')
  @ListOf(() => ApiKeyConfig)
  @IsOptional()
  apiKeys?: ApiKeyConfig[];

  @Doc(
    'Use the default credentials of the environment (`vertex`): attached service account, workload identity, gcloud.',
  )
  @IsBoolean()
  adc: boolean = false;

  @Doc('Reference to the JSON of a service account key or of a workload identity configuration (`vertex`).')
  @IsSecretRef()
  @IsOptional()
  serviceAccount?: string;
}

/** Bounds in time on one upstream call. */
export class TimeoutsConfig {
  @Doc('Longest TCP and TLS connection set-up.')
  @IsInt()
  @Min(1)
  connectMs: number = 2_000;

  @Doc('Longest wait from sending the request to the first event; to the whole answer when not streamed.')
  @IsInt()
  @Min(1)
  firstEventMs: number = 120_000;

  @Doc('Longest silence between two events of a stream.')
  @IsInt()
  @Min(1)
  idleGapMs: number = 30_000;

  @Doc('Longest whole answer. The deadline of the call bounds it further.')
  @IsInt()
  @Min(1)
  totalMs: number = 600_000;
}

/** Connections to a project's endpoint. */
export class ConnectionsConfig {
  @Doc('Most connections at once; calls beyond it wait for one.')
  @IsInt()
  @Min(1)
  @Max(10_000)
  max: number = 2_000;

  @Doc('How long an idle connection is kept.')
  @IsInt()
  @Min(0)
  keepAliveMs: number = 60_000;

  @Doc('Offer HTTP/2 where the endpoint is TLS.')
  @IsBoolean()
  http2: boolean = true;

  @Doc('Largest answer that is not streamed; above it the call fails.')
  @IsInt()
  @Min(1_024)
  maxAnswerBytes: number = 134_217_728;

  @Doc('Largest single event of a stream; above it the call fails.')
  @IsInt()
  @Min(1_024)
  maxEventBytes: number = 67_108_864;
}

/** A Google project (or another provider's account) with credentials and models. */
export class ProjectConfig {
  @Doc('Name of the project in plans, metrics and headers.')
  @Matches(/^[a-z0-9][a-z0-9-]{0,62}$/)
  id!: string;

  @Doc('Kind of upstream.')
  @IsIn(PROVIDER_KINDS)
  provider!: ProviderKind;

  @Doc('Google Cloud project id or number; needed by `vertex`.')
  @IsString()
  @IsOptional()
  project?: string;

  @Doc('Vertex AI location.')
  @IsString()
  location: string = 'global';

  @Doc('Endpoint, where it is not the provider’s own; needed by `openai-compatible`.')
  @IsUrl({ require_tld: false, protocols: ['http', 'https'], require_protocol: true })
  @IsOptional()
  baseUrl?: string;

  @Doc('How the project authenticates.')
  @Nested(() => CredentialsConfig)
  credentials: CredentialsConfig = new CredentialsConfig();

  @Doc('Models that the project serves; all of `models` when absent.')
  @IsString({ each: true })
  @ArrayNotEmpty()
  @IsOptional()
  models?: string[];

  @Doc('What the upstream calls a model, where it is not the name in `models`.')
  @MapOf(() => String)
  @IsOptional()
  modelNames?: Record<string, string>;

  @Doc(
    'Google’s limits by model; `*` are those of every other model that the project serves. Without any, calls are sent until Google refuses, and its refusals are learned from.',
  )
  @MapOf(() => ModelLimitsConfig)
  @IsOptional()
  limits?: Record<string, ModelLimitsConfig>;

  @Doc('Share of the traffic among projects that serve the same model.')
  @IsNumber()
  @Min(0)
  weight: number = 1;

  @Doc('Where the project keeps data, matched with a task’s `residency`.')
  @IsString()
  @IsOptional()
  residency?: string;

  @Doc(
    'This project keeps files, cached contents and batches; the first `gemini` project does when none is marked.',
  )
  @IsBoolean()
  resources: boolean = false;

  @Doc('Bounds in time on one upstream call.')
  @Nested(() => TimeoutsConfig)
  timeouts: TimeoutsConfig = new TimeoutsConfig();

  @Doc('Connections to the endpoint.')
  @Nested(() => ConnectionsConfig)
  connections: ConnectionsConfig = new ConnectionsConfig();
}
