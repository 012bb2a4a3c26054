import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { keyOf, QUOTAS, TASK, UPSTREAM_KEYS } from './quota-limits.ts';
import { DEADLINES_MS, seeded, type Caller } from './quota-load.ts';

/** Calls gateways, each by chance, with the class and the deadline of the call. */
export function throughGateways(urls: readonly string[], seed: number): Caller {
  const pools = urls.map((url) => new Pool(url, { headersTimeout: 0, bodyTimeout: 0 }));
  const random = seeded(seed);
  return async ({ prompt, priority, team }, signal) => {
    const pool = pools[Math.floor(random() * pools.length)] as Pool;
    const { statusCode, body } = await pool.request({
      method: 'POST',
      path: '/v1/generate',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${keyOf(team)}` },
      body: JSON.stringify({ task: TASK, prompt, priority, timeoutMs: DEADLINES_MS[priority] }),
      signal,
    });
    const answer = (await body.json()) as { code?: string };
    return statusCode === 200 ? 'answered' : (answer.code ?? String(statusCode));
  };
}

const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 32_000;

/**
 * What a careful caller does without a gateway: a target by chance, and after a 429 another after a truncated
 * exponential backoff with jitter (1, 2, 4 … up to 32 s, and up to a second more), until its deadline.
 */
export function naively(url: string, seed: number): Caller {
  const pool = new Pool(url, { headersTimeout: 0, bodyTimeout: 0 });
  const random = seeded(seed);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  return async ({ prompt, priority }, signal) => {
    const deadlineMs = performance.now() + DEADLINES_MS[priority];
    for (let attempt = 0; ; attempt += 1) {
      const { project, model } = pick(QUOTAS);
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: `/v1beta/models/${model}:generateContent`,
        headers: {
          'content-type': 'application/json',
          'x-goog-api-key': pick(UPSTREAM_KEYS[project] ?? []),
        },
        body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: prompt }] }] }),
        signal,
      });
      await body.dump();
      if (statusCode !== 429) return statusCode === 200 ? 'answered' : String(statusCode);
      const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** attempt + random() * 1_000, LONGEST_BACKOFF_MS);
      if (performance.now() + backoffMs > deadlineMs) return 'given up';
      await delay(backoffMs, undefined, { signal });
    }
  };
}
