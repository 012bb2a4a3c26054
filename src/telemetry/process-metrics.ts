import { collectDefaultMetrics, Registry } from 'prom-client';

const GC_PAUSE_BUCKETS_SECONDS = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** These walk every connection at each scrape: some 2 ms of a standing event loop at 2,000 of them. */
const TOO_DEAR = [
  'nodejs_active_resources',
  'nodejs_active_resources_total',
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
];

let registry: Registry | undefined;

/**
 * CPU, memory, open files, event-loop delay and garbage collection of the process, under the names that Node.js
 * dashboards know. Measured once per process, from the first call on, however many gateways run in it.
 */
export function processMetrics(): Registry {
  if (registry !== undefined) return registry;
  registry = new Registry();
  collectDefaultMetrics({
    register: registry,
    gcDurationBuckets: GC_PAUSE_BUCKETS_SECONDS,
  });
  for (const name of TOO_DEAR) registry.removeSingleMetric(name);
  return registry;
}
