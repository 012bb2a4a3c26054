import { Injectable } from '@nestjs/common';
import { ConfigStore } from '../../config/config-store.js';
import { QuotaOverview } from '../../routing/quota-overview.js';
import { RoutingConfig } from '../../routing/routing.config.js';
import { EMULATOR_PROJECT } from '../../routing/target.js';
import { UpstreamProbe } from '../../routing/upstream-probe.js';
import { Readiness } from './readiness.js';

/** The gateway's state in one document, for people. */
@Injectable()
export class HealthSummary {
  constructor(
    private readonly readiness: Readiness,
    private readonly probe: UpstreamProbe,
    private readonly quota: QuotaOverview,
    private readonly store: ConfigStore,
  ) {}

  /** `degraded` while a project does not answer or the shared quota ledger is out of reach. Shows no secrets. */
  now(): object {
    const { results } = this.probe;
    const ledger = this.quota.ledgerState;
    const degraded = ledger?.mode === 'away' || Object.values(results).some(({ ok }) => !ok);
    const { state } = this.readiness;
    const config = this.store.current();
    const { projects } = config.get(RoutingConfig);
    return {
      status: state === 'ready' ? (degraded ? 'degraded' : 'ok') : state,
      upstream: projects.some(({ id }) => id === EMULATOR_PROJECT) ? 'emulator' : 'configured',
      configVersion: config.version,
      uptimeSeconds: Math.round(process.uptime()),
      projects: results,
      ...(ledger === undefined ? {} : { quotaLedger: ledger }),
    };
  }
}
