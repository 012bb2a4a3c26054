import { hash } from 'node:crypto';
import type { Call } from '../core/call.js';
import type { StickyBy, TrafficSplitConfig } from './traffic-split.config.js';

/** The model that a call's share of the traffic tries first; undefined for the rest of the traffic. */
export function modelOfShare(
  call: Call,
  { stickyBy, shares }: TrafficSplitConfig,
  random: () => number,
): string | undefined {
  const key = stickyKey(call, stickyBy);
  let left = key === undefined ? 100 * random() : percentOf(`${call.task}\n${key}`);
  for (const { model, percent } of shares) {
    if (left < percent) return model;
    left -= percent;
  }
  return undefined;
}

/** What calls that belong together have in common; undefined for calls that are drawn one by one. */
function stickyKey(call: Call, by: StickyBy): string | undefined {
  const { principal, metadata, request } = call;
  switch (by) {
    case 'call':
      return undefined;
    case 'team':
      return JSON.stringify([principal.tenant, principal.team]);
    case 'user':
      return JSON.stringify([principal.tenant, metadata.user ?? principal.user ?? principal.keyId]);
    case 'conversation': {
      const { contents, systemInstruction } = request;
      const first: unknown = Array.isArray(contents) ? contents[0] : undefined;
      return JSON.stringify([principal.tenant, metadata.conversation ?? [systemInstruction, first]]);
    }
  }
}

/** A place between 0 and 100 that depends on nothing but the key: on every replica, for good. */
function percentOf(key: string): number {
  return (hash('sha256', key, 'buffer').readUIntBE(0, 6) / 2 ** 48) * 100;
}
