import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { type JsonAnswer, jsonOf } from '../../helpers/rest-answers.js';

/** Keys of callers: two tenants, two teams of one of them. */
export const KEYS = { acme: 'key-of-acme', acmeToo: 'key-of-acme-too', umbrella: 'key-of-umbrella' } as const;

const CONFIG = `
models:
  gemini-3.8-flash: {}
  gemini-embedding-001: { inputModalities: [text], outputModalities: [] }
resilience: { backoffMs: 1, maxWaitMs: 20 }
projects:
  - id: main
    provider: gemini
    baseUrl: "\${emulator}"
    credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] }
auth:
  keys:
    - { id: acme, secret: "env:ACME", tenant: acme, team: red }
    - { id: acme-too, secret: "env:ACME_TOO", tenant: acme, team: blue }
    - { id: umbrella, secret: "env:UMBRELLA", tenant: umbrella, team: red }
tasks:
  cached: { models: [gemini-3.8-flash], generation: { temperature: 0 }, cache: { ttlMs: 60000 } }
  warm: { models: [gemini-3.8-flash], cache: { ttlMs: 60000 } }
  any: { models: [gemini-3.8-flash], cache: { ttlMs: 60000, anyTemperature: true } }
  team: { models: [gemini-3.8-flash], generation: { temperature: 0 }, cache: { ttlMs: 60000, scope: team } }
  everybody: { models: [gemini-3.8-flash], generation: { temperature: 0 }, cache: { ttlMs: 60000, scope: shared } }
  tools: { models: [gemini-3.8-flash], generation: { temperature: 0 }, cache: { ttlMs: 60000, toolCalls: true } }
  brief:
    models: [gemini-3.8-flash]
    generation: { temperature: 0 }
    fallback: [{ canned: sorry }]
    cache: { ttlMs: 1000, staleIfErrorMs: 600000 }
  renewing: { models: [gemini-3.8-flash], generation: { temperature: 0 }, cache: { ttlMs: 1000, staleWhileRevalidateMs: 600000 } }
  vectors: { models: [gemini-embedding-001], cache: { ttlMs: 60000 } }
canned: { sorry: { text: "Later, please." } }
`;

/** A gateway whose tasks cache, with the keys of `KEYS`. */
export function cachingGateway(
  environment: Record<string, string> = {},
  more = '',
): Promise<GatewayUnderTest> {
  return gatewayUnderTest({
    config: CONFIG + more,
    environment: { ACME: KEYS.acme, ACME_TOO: KEYS.acmeToo, UMBRELLA: KEYS.umbrella, ...environment },
  });
}

/** Asks by REST. */
export function ask(
  gateway: GatewayUnderTest,
  body: object,
  headers: Record<string, string> = {},
): Promise<JsonAnswer> {
  return jsonOf(gateway.call('/v1/generate', { task: 'cached', ...body }, { headers }));
}

/** What the cache did for an answer. */
export function stateOf({ headers }: JsonAnswer): string {
  return String(headers['x-gateway-cache']);
}

/** Headers of a caller. */
export function as(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` };
}
