import { Module } from '@nestjs/common';
import { QuotaModule } from '../quota/quota.module.js';
import { ResilienceModule } from '../resilience/resilience.module.js';
import { ContextCaches } from './context-caches.js';
import { ContextReuse } from './context-reuse.js';
import { Dispatcher } from './dispatcher.js';
import { Hedging } from './hedging.js';
import { LatencyBook } from './latency-book.js';
import { Mirror } from './mirror.js';
import { ModelCatalog } from './model-catalog.js';
import { ProviderRegistry } from './provider-registry.js';
import { QuotaHeadroom } from './quota-headroom.js';
import { QuotaOverview } from './quota-overview.js';
import { ResourceForwarder } from './resource-forwarder.js';
import { RoutePlanner } from './route-planner.js';
import { RoutingTables } from './routing-tables.js';
import { SignatureOrigins } from './signature-origins.js';
import { TargetAttempts } from './target-attempts.js';
import { TargetQuota } from './target-quota.js';
import { TargetRanking } from './target-ranking.js';
import { UpstreamProbe } from './upstream-probe.js';

/** Which target answers, and sending it there. */
@Module({
  imports: [ResilienceModule, QuotaModule],
  providers: [
    ProviderRegistry,
    RoutingTables,
    RoutePlanner,
    ContextReuse,
    ContextCaches,
    Dispatcher,
    TargetAttempts,
    TargetQuota,
    QuotaOverview,
    Hedging,
    Mirror,
    SignatureOrigins,
    ModelCatalog,
    ResourceForwarder,
    UpstreamProbe,
    LatencyBook,
    TargetRanking,
    QuotaHeadroom,
  ],
  exports: [
    ResilienceModule,
    QuotaModule,
    ContextCaches,
    Dispatcher,
    Hedging,
    Mirror,
    QuotaOverview,
    TargetQuota,
    ModelCatalog,
    ResourceForwarder,
    UpstreamProbe,
  ],
})
export class RoutingModule {}
