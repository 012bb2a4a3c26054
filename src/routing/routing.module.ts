import { Module } from '@nestjs/common';
import { Dispatcher } from './dispatcher.js';
import { ModelCatalog } from './model-catalog.js';
import { ProviderRegistry } from './provider-registry.js';
import { Random } from '../core/random.js';
import { ResourceForwarder } from './resource-forwarder.js';
import { RoutePlanner } from './route-planner.js';
import { RoutingTables } from './routing-tables.js';
import { UpstreamProbe } from './upstream-probe.js';

/** Which target answers, and sending it there. */
@Module({
  providers: [
    ProviderRegistry,
    RoutingTables,
    RoutePlanner,
    Dispatcher,
    ModelCatalog,
    ResourceForwarder,
    UpstreamProbe,
    { provide: Random, useValue: Math.random },
  ],
  exports: [Dispatcher, ModelCatalog, ResourceForwarder, UpstreamProbe],
})
export class RoutingModule {}
