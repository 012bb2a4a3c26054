import { describe, expect, it } from '@jest/globals';
import type { ConfigStore } from '../../../src/config/config-store.js';
import type { ProbeResult, Provider } from '../../../src/core/provider.js';
import { RoutingTable } from '../../../src/routing/routing-table.js';
import type { RoutingTables } from '../../../src/routing/routing-tables.js';
import { UpstreamProbe } from '../../../src/routing/upstream-probe.js';
import { eventually } from '../../helpers/eventually.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { project, snapshot } from './fixtures.js';

/** A probe of one project, which is found so. */
function probing(find: (signal: AbortSignal) => Promise<ProbeResult>) {
  const clock = new ManualClock();
  const config = snapshot({ models: {}, projects: [project('a')], probeIntervalMs: 5_000 });
  const provider: Provider = {
    generate: () => Promise.reject(new Error('nothing is generated')),
    probe: find,
    close: () => Promise.resolve(),
  };
  const table = new RoutingTable(config, new Map([['a', provider]]));
  const store = { current: () => config } as unknown as ConfigStore;
  const probe = new UpstreamProbe(store, { of: () => table } as unknown as RoutingTables, clock);
  return { clock, probe };
}

describe('UpstreamProbe', () => {
  it('looks at once, then again after each interval', async () => {
    const found: ProbeResult[] = [{ ok: false, detail: 'no' }, { ok: true }];
    let looks = 0;
    const { clock, probe } = probing(() => Promise.resolve(found[looks++] ?? { ok: true }));
    expect(probe.results).toEqual({});
    probe.start();
    await eventually(() => clock.armed === 1);
    expect(probe.results).toEqual({ a: { ok: false, detail: 'no' } });
    clock.advance(4_999);
    expect(looks).toBe(1);
    clock.advance(1);
    await eventually(() => clock.armed === 1);
    expect(probe.results).toEqual({ a: { ok: true } });
    probe.beforeApplicationShutdown();
    expect(clock.armed).toBe(0);
  });

  it('looks no more once it was stopped, also while it looks', async () => {
    const { promise, resolve } = Promise.withResolvers<ProbeResult>();
    const { clock, probe } = probing(() => promise);
    probe.start();
    probe.beforeApplicationShutdown();
    resolve({ ok: true });
    await eventually(() => 'a' in probe.results);
    expect(clock.armed).toBe(0);
  });

  it('ends a look that is under way when it is stopped, for closing connections waits for it', () => {
    const signals: AbortSignal[] = [];
    const { probe } = probing((signal) => {
      signals.push(signal);
      return new Promise(() => undefined);
    });
    probe.start();
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    probe.beforeApplicationShutdown();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });
});
