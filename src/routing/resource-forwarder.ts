import { Injectable } from '@nestjs/common';
import { ConfigStore } from '../config/config-store.js';
import { GatewayError } from '../core/gateway-error.js';
import type { ForwardRequest, ForwardResponse } from '../core/provider.js';
import { RoutingTables } from './routing-tables.js';

/** Sends requests for files, cached contents and batches to the one project that keeps them. */
@Injectable()
export class ResourceForwarder {
  constructor(
    private readonly store: ConfigStore,
    private readonly tables: RoutingTables,
  ) {}

  /** Rejects with a GatewayError before the upstream's answer began; after it, the body throws. */
  async forward(request: ForwardRequest): Promise<ForwardResponse> {
    const keeper = this.tables.of(this.store.current()).resourceKeeper;
    if (keeper?.provider.forward === undefined) {
      throw new GatewayError(
        'UNIMPLEMENTED',
        'No configured project keeps files, cached contents or batches.',
      );
    }
    return keeper.provider.forward(request);
  }
}
