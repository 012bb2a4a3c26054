import { afterEach, describe, expect, it } from '@jest/globals';
import {
  gatewayUnderTest,
  type GatewayUnderTest,
  type GatewayUnderTestOptions,
} from '../../helpers/gateway.js';
import { jsonOf } from '../../helpers/rest-answers.js';

const MODEL = 'gemini-3.8-flash';

let under: GatewayUnderTest;
afterEach(() => under.close());

interface Settings extends Omit<GatewayUnderTestOptions, 'config'> {
  /** Projects by id, with YAML of their limits, or none. */
  readonly projects: Readonly<Record<string, string | undefined>>;
}

async function start({ projects, ...options }: Settings): Promise<void> {
  const lines = Object.entries(projects).map(
    ([id, limits]) =>
      `  - { id: ${id}, provider: gemini, baseUrl: "\${emulator}", credentials: { apiKeys: [{ secret: "env:KEY_${id}" }] }${limits === undefined ? '' : `, limits: ${limits}`} }`,
  );
  under = await gatewayUnderTest({
    ...options,
    config: `
models: { ${MODEL}: {} }
resilience: { backoffMs: 1, maxWaitMs: 50 }
projects:
${lines.join('\n')}
tasks: { chat: { models: [${MODEL}], strategy: ordered } }
`,
    environment: Object.fromEntries(Object.keys(projects).map((id) => [`KEY_${id}`, `key-${id}`])),
  });
}

const ask = (prompt = 'ask on') => jsonOf(under.call('/v1/generate', { task: 'chat', prompt }));
async function often(times: number, prompt?: string): Promise<number[]> {
  const statuses: number[] = [];
  for (let call = 0; call < times; call += 1) statuses.push((await ask(prompt)).status);
  return statuses;
}
const keysAsked = () => under.upstreamCalls().map(({ key }) => key);
const explained = async (id: unknown) =>
  (await jsonOf(under.call(`/v1/requests/${String(id)}/explain`))).json;

describe('a project with limits', () => {
  it('is asked no more than its requests per minute, and the caller is told until when', async () => {
    await start({ projects: { only: `{ ${MODEL}: { rpm: 3 } }` } });
    expect(await often(3)).toEqual([200, 200, 200]);
    const { status, json, headers } = await ask();
    expect({ status, code: json['code'] }).toEqual({ status: 429, code: 'UPSTREAM_RATE_LIMITED' });
    expect(json['detail']).toBe("The project's requests per minute for this model are used up (limit 3).");
    expect(Number(headers['retry-after'])).toBeGreaterThan(30);
    expect(under.upstreamCalls()).toHaveLength(3);
    const { text } = await jsonOf(under.call('/metrics'));
    expect(text).toContain(
      `gateway_quota_refusals_total{target="only/${MODEL}",bucket="requestsPerMinute"} 1`,
    );
    expect(text).toMatch(/gateway_token_estimate_error{model="gemini-3.8-flash"} [\d.e-]+/);
    expect(await explained(headers['x-request-id'])).toMatchObject({
      skipped: [
        {
          target: `only/${MODEL}`,
          why: "The project's requests per minute for this model are used up (limit 3).",
        },
      ],
    });
  });

  it('gives way to the next project before anything is sent to it', async () => {
    await start({ projects: { first: '{ "*": { rpm: 2 } }', second: '{ "*": { rpm: 2 } }' } });
    expect(await often(5)).toEqual([200, 200, 200, 200, 429]);
    expect(keysAsked()).toEqual(['key-first', 'key-first', 'key-second', 'key-second']);
  });

  it('has the input tokens counted that the upstream counted, not those that were estimated', async () => {
    await start({ projects: { only: '{ "*": { tpm: 1000 } }' } });
    // About 40 tokens each: an estimate that stayed would let through as many.
    const statuses = await often(60, 'a b c d e f g h i j k l m n o p q r s t u v w x y z '.repeat(2));
    const used = under.upstreamCalls().reduce((sum, { inputTokens }) => sum + inputTokens, 0);
    expect(statuses.at(-1)).toBe(429);
    const largest = Math.max(...under.upstreamCalls().map(({ inputTokens }) => inputTokens));
    expect(used).toBeGreaterThan(1000 - 2 * largest);
    expect(used).toBeLessThanOrEqual(1000 + largest);
  });

  it('is not charged for calls that the upstream could not handle', async () => {
    await start({ projects: { only: '{ "*": { rpm: 4 } }' } });
    under.emulator.scenarios.add({ kind: 'unavailable-503', times: 3, match: { text: 'ask on' } });
    await ask();
    expect(await often(4)).toEqual([200, 200, 200, 200]);
    expect(under.upstreamCalls().filter(({ status }) => status === 200)).toHaveLength(4);
  });

  it('never sees a 429 from an upstream with the same limits, and lets just as many through', async () => {
    await start({
      projects: { only: '{ "*": { rpm: 8 } }' },
      emulator: { quotas: [{ project: 'key-only', rpm: 8 }] },
    });
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask()));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(8);
    expect(under.upstreamCalls().map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
  });

  it('frees the place of a caller who leaves', async () => {
    await start({ projects: { only: '{ "*": { concurrentCalls: 1 } }' } });
    under.emulator.scenarios.add({ delayMs: 20_000, times: 1, match: { text: 'slow' } });
    const caller = new AbortController();
    const left = under.call('/v1/generate', { task: 'chat', prompt: 'slow' }, { signal: caller.signal });
    left.catch(() => undefined);
    while (under.upstreamCalls().length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect((await ask()).status).toBe(429);
    caller.abort();
    await expect(left).rejects.toThrow();
    while ((await ask()).status !== 200) await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('a project without limits', () => {
  it('learns them from the upstream’s refusal', async () => {
    await start({ projects: { only: undefined }, emulator: { quotas: [{ project: 'key-only', rpm: 3 }] } });
    expect(await often(6)).toEqual([200, 200, 200, 429, 429, 429]);
    expect(under.upstreamCalls().map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(under.logs).toContainEqual(
      expect.objectContaining({ context: 'quota', project: 'only', bucket: 'requestsPerMinute', limit: 3 }),
    );
  });
});

describe('GET /v1/quota', () => {
  it('shows limits, use and marks by target and bucket, to admins alone', async () => {
    await start({
      projects: { counted: `{ ${MODEL}: { rpm: 3, concurrentCalls: 5 } }`, taught: undefined },
      emulator: { quotas: [{ project: 'key-taught', rpm: 1 }] },
    });
    await often(5);
    const { json } = await jsonOf(under.call('/v1/quota'));
    const target = { location: 'global', model: MODEL, openReservations: 0 };
    expect(json['targets']).toEqual([
      {
        ...target,
        project: 'counted',
        marks: [],
        buckets: [
          expect.objectContaining({
            bucket: 'requestsPerMinute',
            limit: 3,
            source: 'configured',
            used: 3,
            reserved: 0,
            debt: 0,
          }),
          { bucket: 'concurrentCalls', limit: 5, source: 'configured', used: 0 },
        ],
      },
      {
        ...target,
        project: 'taught',
        marks: [expect.objectContaining({ bucket: 'requestsPerMinute' })],
        buckets: [expect.objectContaining({ bucket: 'requestsPerMinute', limit: 1, source: 'learned' })],
      },
    ]);
  });

  it('is refused without the scope "admin"', async () => {
    under = await gatewayUnderTest({
      config: `
models: { ${MODEL}: {} }
projects:
  - { id: main, provider: gemini, baseUrl: "\${emulator}", credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] } }
auth: { keys: [{ id: plain, team: a, secret: "env:PLAIN_KEY" }] }
`,
      environment: { PLAIN_KEY: 'plain-key' },
    });
    const headers = { authorization: 'Bearer plain-key' };
    expect((await jsonOf(under.call('/v1/quota', undefined, { headers }))).status).toBe(403);
    expect((await jsonOf(under.call('/v1/models', undefined, { headers }))).status).toBe(200);
  });
});

describe('limits that cannot be meant', () => {
  it.each([
    ['{ gemini-unknown: { rpm: 1 }, "*": {} }', 'projects[0].limits.gemini-unknown'],
    [`{ ${MODEL}: { rpm: -1 } }`, 'projects[0].limits'],
    [`{ ${MODEL}: { rpm: 1.5 } }`, 'projects[0].limits'],
    [`{ ${MODEL}: { rpm: 1e40 } }`, 'projects[0].limits'],
    [`{ ${MODEL}: { requests: 1 } }`, 'projects[0].limits'],
  ])('case %#: %s are told at start', async (limits, path) => {
    await start({ projects: { good: undefined } });
    const started = gatewayUnderTest({
      config: `
models: { ${MODEL}: {}, gemini-3.5-flash: {} }
projects:
  - { id: only, provider: gemini, baseUrl: "\${emulator}", models: [${MODEL}], credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] }, limits: ${limits} }
`,
    });
    await expect(started).rejects.toThrow(path);
  });
});
