import { type DynamicModule, Global, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { LoggerModule } from 'nestjs-pino';
import { ANSWER_CACHE_PROVIDERS, AnswerCache } from './answer-cache.js';
import { CacheMetrics } from './cache-metrics.js';
import { CachePolicy } from './cache/cache.policy.js';
import { Invalidations } from './cache/invalidations.js';
import { CONFIG_SECTIONS } from './config-sections.js';
import { GatewayConfigModule } from './config/config.module.js';
import type { ConfigStore } from './config/config-store.js';
import { SecretStore } from './config/secrets.js';
import { Clock } from './core/clock.js';
import { LedgerStatus } from './quota/ledger-status.port.js';
import { QuotaLedger } from './quota/quota-ledger.port.js';
import { QUOTA_LEDGER_PROVIDERS } from './quota-ledgers.js';
import { RoutingModule } from './routing/routing.module.js';
import { SIGNATURE_STORE_PROVIDERS } from './signature-stores.js';
import { ContextCacheMetrics } from './telemetry/context-cache-metrics.js';
import { FrameworkLogger, loggerParams } from './telemetry/logger.js';
import { QuotaMetrics } from './telemetry/quota-metrics.js';
import { RoutingMetrics } from './telemetry/routing-metrics.js';
import { TelemetryConfig } from './telemetry/telemetry.config.js';
import { TelemetryModule } from './telemetry/telemetry.module.js';
import { AnthropicApiController } from './transport/anthropic-api/anthropic-api.controller.js';
import { anthropicApiSurface } from './transport/anthropic-api/anthropic-api.surface.js';
import { AnthropicCalls } from './transport/anthropic-api/anthropic-calls.js';
import { GeminiApiController } from './transport/gemini-api/gemini-api.controller.js';
import { geminiApiSurface } from './transport/gemini-api/gemini-api.surface.js';
import { ResourcesController } from './transport/gemini-api/resources.controller.js';
import { GrpcModule } from './transport/grpc/grpc.module.js';
import { HealthController } from './transport/health/health.controller.js';
import { HealthSummary } from './transport/health/health-summary.js';
import { Readiness } from './transport/health/readiness.js';
import { HttpModule } from './transport/http/http.module.js';
import { SignatureCustody } from './transport/http/signature-custody.js';
import { MediaReader } from './transport/media-reader.port.js';
import { MetricsController } from './transport/metrics/metrics.controller.js';
import { AskedModels } from './transport/shared/asked-models.js';
import { ChatController } from './transport/openai-api/chat.controller.js';
import { MediaNetwork, publicNetwork } from './transport/openai-api/media-network.js';
import { OpenAiApiController } from './transport/openai-api/openai-api.controller.js';
import { openAiSurface } from './transport/openai-api/openai-api.surface.js';
import { OpenAiCalls } from './transport/openai-api/openai-calls.js';
import { RemoteMedia } from './transport/openai-api/remote-media.js';
import { ResponsesController } from './transport/openai-api/responses.controller.js';
import { CacheController } from './transport/rest/cache.controller.js';
import { QuotaController } from './transport/rest/quota.controller.js';
import { RestController } from './transport/rest/rest.controller.js';
import { restSurface } from './transport/rest/rest.surface.js';

/** What the process gives to the application. */
export interface AppParts {
  readonly store: ConfigStore;
  readonly secrets: SecretStore;
  readonly clock: Clock;
  /** Where log lines go; standard output unless given. */
  readonly logTo?: NodeJS.WritableStream;
}

@Global()
@Module({})
class PartsModule {}

/** The gateway. */
@Module({})
export class AppModule {
  static register({ store, secrets, clock, logTo }: AppParts): DynamicModule {
    const { logLevel } = store.current().get(TelemetryConfig);
    return {
      module: AppModule,
      imports: [
        LoggerModule.forRoot(loggerParams(logLevel, logTo)),
        GatewayConfigModule.register(store, CONFIG_SECTIONS),
        {
          module: PartsModule,
          providers: [
            { provide: Clock, useValue: clock },
            { provide: SecretStore, useValue: secrets },
            ...QUOTA_LEDGER_PROVIDERS,
            ...ANSWER_CACHE_PROVIDERS,
          ],
          exports: [Clock, SecretStore, QuotaLedger, LedgerStatus, AnswerCache, CachePolicy, Invalidations],
        },
        TelemetryModule,
        RoutingModule,
        TerminusModule.forRoot({ logger: false }),
        HttpModule.register([restSurface, geminiApiSurface, openAiSurface, anthropicApiSurface]),
        GrpcModule,
      ],
      controllers: [
        RestController,
        QuotaController,
        CacheController,
        GeminiApiController,
        ResourcesController,
        ChatController,
        ResponsesController,
        OpenAiApiController,
        AnthropicApiController,
        HealthController,
        MetricsController,
      ],
      providers: [
        Readiness,
        HealthSummary,
        FrameworkLogger,
        RoutingMetrics,
        ContextCacheMetrics,
        QuotaMetrics,
        CacheMetrics,
        OpenAiCalls,
        AnthropicCalls,
        AskedModels,
        RemoteMedia,
        { provide: MediaReader, useExisting: RemoteMedia },
        { provide: MediaNetwork, useValue: publicNetwork },
        SignatureCustody,
        ...SIGNATURE_STORE_PROVIDERS,
      ],
    };
  }
}
