import type { CacheFilter } from '../cache/invalidation-log.port.js';

/** One name for equal filters. */
export function filterName({ tenant, task, prompt, tag, key }: CacheFilter): string {
  return JSON.stringify([tenant ?? null, task ?? null, prompt ?? null, tag ?? null, key ?? null]);
}

/** What the names of all filters begin with that name a tenant. */
export function tenantPrefix(tenant: string): string {
  return `[${JSON.stringify(tenant)},`;
}

/** The filter of a name. */
export function filterOf(name: string): CacheFilter {
  const [tenant, task, prompt, tag, key] = JSON.parse(name) as (string | null)[];
  return {
    ...(typeof tenant === 'string' ? { tenant } : {}),
    ...(typeof task === 'string' ? { task } : {}),
    ...(typeof prompt === 'string' ? { prompt } : {}),
    ...(typeof tag === 'string' ? { tag } : {}),
    ...(typeof key === 'string' ? { key } : {}),
  };
}
