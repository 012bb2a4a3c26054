import { AuthConfig } from './auth/auth.config.js';
import { CacheConfig } from './cache/cache.config.js';
import { SecretsConfig } from './config/secrets.config.js';
import type { SectionClass } from './core/config-snapshot.js';
import { QuotaConfig } from './quota/quota.config.js';
import { ResilienceConfig } from './resilience/resilience.config.js';
import { ModelsConfig } from './routing/models.config.js';
import { RoutingConfig } from './routing/routing.config.js';
import { StorageConfig } from './storage/storage.config.js';
import { SchemasConfig } from './structured-output/schemas.config.js';
import { TelemetryConfig } from './telemetry/telemetry.config.js';
import { GrpcConfig } from './transport/grpc/grpc.config.js';
import { SignaturesConfig } from './transport/http/signatures.config.js';
import { OpenAiApiConfig } from './transport/openai-api/openai-api.config.js';
import { ServerConfig } from './transport/server.config.js';

/** Every section of the configuration, in the order of docs/config.md. */
export const CONFIG_SECTIONS: readonly SectionClass<object>[] = [
  ServerConfig,
  GrpcConfig,
  AuthConfig,
  RoutingConfig,
  ModelsConfig,
  SchemasConfig,
  ResilienceConfig,
  QuotaConfig,
  CacheConfig,
  StorageConfig,
  SecretsConfig,
  TelemetryConfig,
  SignaturesConfig,
  OpenAiApiConfig,
];
