import { Injectable } from '@nestjs/common';
import type { ConfigSnapshot } from '../core/config-snapshot.js';
import { ProviderRegistry } from './provider-registry.js';
import { RoutingConfig } from './routing.config.js';
import { RoutingTable } from './routing-table.js';

/** The routing table of each configuration version that calls still run under. */
@Injectable()
export class RoutingTables {
  readonly #tables = new WeakMap<ConfigSnapshot, RoutingTable>();

  constructor(private readonly providers: ProviderRegistry) {}

  /** The table of a version, made when first asked for. */
  of(snapshot: ConfigSnapshot): RoutingTable {
    const present = this.#tables.get(snapshot);
    if (present !== undefined) return present;
    const table = new RoutingTable(snapshot, this.providers.take(snapshot.get(RoutingConfig).projects));
    this.#tables.set(snapshot, table);
    return table;
  }
}
