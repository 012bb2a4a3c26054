import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { ConfigStore } from '../../../src/config/config-store.js';
import { CONFIG_SECTIONS } from '../../../src/config-sections.js';
import { systemClock } from '../../../src/core/clock.js';
import { defaultUpstream } from '../../../src/default-upstream.js';
import { startEmulator, type Emulator } from '../../../src/emulator/emulator.js';
import { eventually } from '../../helpers/eventually.js';
import { built, endAll, gatewayProcess, type GatewayProcess } from '../../helpers/gateway-process.js';
import { jsonOf, restEvents } from '../../helpers/rest-answers.js';

const KEY = 'admin-key-of-the-process';
const directory = mkdtempSync(join(tmpdir(), 'gateway-process-'));
const config = join(directory, 'own.yaml');

const get = (url: string) => jsonOf(request(url));
const generate = (url: string, body: object, key = KEY) =>
  jsonOf(
    request(`${url}/v1/generate`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ task: 'chat', prompt: 'the word is heron', ...body }),
    }),
  );

let emulator: Emulator;
beforeAll(async () => {
  await built();
  emulator = await startEmulator();
  const credentials = '{ apiKeys: [{ secret: "env:GEMINI_API_KEY" }] }';
  await writeFile(
    config,
    `projects: [{ id: own, provider: gemini, baseUrl: "${emulator.url}", credentials: ${credentials} }]\n`,
  );
}, 60_000);
afterAll(async () => {
  await emulator.close();
  await rm(directory, { recursive: true, force: true });
});
afterEach(() => {
  endAll();
  emulator.scenarios.clear();
});

/** With a project of its own on the emulator. */
const configured = (environment: Record<string, string> = {}): GatewayProcess =>
  gatewayProcess({
    GATEWAY_CONFIG: config,
    GEMINI_API_KEY: 'key-of-the-variable',
    GATEWAY_BOOTSTRAP_KEY: KEY,
    ...environment,
  });

describe('a start with nothing configured', () => {
  it('says that the emulator answers, in words, in /health and in a header, and makes a key that works', async () => {
    const startedMs = performance.now();
    const gateway = gatewayProcess();
    const url = await gateway.serving();
    process.stdout.write(`cold start: ${Math.round(performance.now() - startedMs)} ms\n`);
    expect(gateway.stderr()).toContain(
      'GEMINI_API_KEY is not set: answers are made up by the built-in emulator',
    );
    expect((await get(`${url}/health`)).json['upstream']).toBe('emulator');
    const keys = gateway.stderr().match(/gw-[\w-]{32}/g) ?? [];
    expect(keys).toHaveLength(1);
    const { status, headers } = await generate(url, {}, keys[0]);
    expect(status).toBe(200);
    expect(headers['x-gateway-upstream']).toBe('emulator');
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toEqual({ code: 0, signal: null });
    expect(gateway.stdout()).not.toContain(keys[0]);
    expect(gateway.stdout()).toContain('"route":"/v1/generate"');
  });

  it('is refused in production, with every reason and exit code 1', async () => {
    const gateway = gatewayProcess({ GATEWAY_ENV: 'production' });
    expect(await gateway.ended).toEqual({ code: 1, signal: null });
    expect(gateway.stderr()).toContain('projects: must name at least one project in production');
    expect(gateway.stderr()).toContain('auth.keys: must name at least one key in production');
    expect(gateway.stderr()).not.toContain('    at ');
  });
});

describe('a start with a configuration that is not valid', () => {
  it('names every mistake at once with its path and place', async () => {
    const wrong = join(directory, 'wrong.yaml');
    await writeFile(
      wrong,
      'server: { prot: 1 }\ntasks: { chat: { models: [gemini-0] } }\nauth: { keys: 7 }\n',
    );
    const gateway = gatewayProcess({ GATEWAY_CONFIG: wrong, PORT: '99999', GATEWAY__NO__SUCH: '1' });
    expect(await gateway.ended).toEqual({ code: 1, signal: null });
    const said = gateway.stderr();
    for (const place of ['server.prot', 'tasks.chat.models[0]', 'auth.keys', 'PORT', 'GATEWAY__NO__SUCH'])
      expect(said).toContain(place);
    expect(said).not.toContain('    at ');
  });
});

describe('GEMINI_API_KEY', () => {
  it('without a project means Google, by its own endpoint', async () => {
    const environment = { GEMINI_API_KEY: 'k' };
    const store = await ConfigStore.open({
      directory,
      environment,
      sections: CONFIG_SECTIONS,
      clock: systemClock,
    });
    const upstream = await defaultUpstream(store.current(), environment);
    expect(upstream?.notice).toContain('calls go to Google');
    expect(upstream?.defaults).toEqual({
      projects: [
        { id: 'gemini', provider: 'gemini', credentials: { apiKeys: [{ secret: 'env:GEMINI_API_KEY' }] } },
      ],
    });
  });

  it('is what a project refers to, whatever else Google’s client would read from the environment', async () => {
    const gateway = configured({
      GOOGLE_API_KEY: 'key-of-somebody-else',
      GOOGLE_GENAI_USE_VERTEXAI: 'true',
      GOOGLE_GENAI_USE_ENTERPRISE: 'true',
      GOOGLE_GENAI_API_VERSION: 'v9',
      GOOGLE_CLOUD_PROJECT: 'somebody-else',
      GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:9',
      GOOGLE_VERTEX_BASE_URL: 'http://127.0.0.1:9',
    });
    const url = await gateway.serving();
    const { status, headers } = await generate(url, {});
    expect({ status, target: headers['x-gateway-target'] }).toEqual({
      status: 200,
      target: 'own/gemini-3.8-flash',
    });
    expect(emulator.ledger.calls.at(-1)).toMatchObject({
      key: 'key-of-the-variable',
      path: '/v1beta/models/gemini-3.8-flash:generateContent',
    });
    await eventually(
      async () => (await get(`${url}/health`)).text.includes('"own":{"ok":true}'),
      'the probe',
    );
    expect(new Set(emulator.ledger.calls.map(({ key }) => key))).toEqual(new Set(['key-of-the-variable']));
  });
});

describe('the end of the process', () => {
  async function streaming(gateway: GatewayProcess, chunks: number) {
    const url = await gateway.serving();
    emulator.scenarios.add({ chunkDelayMs: 50, chunks, match: { text: 'heron' } });
    const calls = emulator.ledger.calls.length;
    const answer = generate(url, { stream: true });
    await eventually(
      () => emulator.ledger.calls.slice(calls).some(({ chunksSent }) => chunksSent > 0),
      'the first chunk',
    );
    return { url, answer };
  }
  const quiet = { GATEWAY__SERVER__UNREADY_BEFORE_DRAIN_MS: '300' };

  it('SIGTERM: not ready at once, a stream goes on to its end, exit code 0', async () => {
    const gateway = configured(quiet);
    const { url, answer } = await streaming(gateway, 20);
    expect((await get(`${url}/health/ready`)).status).toBe(200);
    gateway.child.kill('SIGTERM');
    await eventually(async () => (await get(`${url}/health/ready`)).status === 503, 'unreadiness');
    expect((await get(`${url}/health/live`)).status).toBe(200);
    expect(restEvents((await answer).text).at(-1)?.event).toBe('done');
    expect(await gateway.ended).toEqual({ code: 0, signal: null });
    expect(gateway.stdout()).toContain('"outcome":"ok"');
  });

  it('cuts a stream that outlasts the drain, with an error event, and lets the upstream go; exit code 0', async () => {
    const gateway = configured({ GATEWAY__SERVER__DRAIN_TIMEOUT_MS: '200' });
    const { answer } = await streaming(gateway, 400);
    gateway.child.kill('SIGTERM');
    const events = restEvents((await answer).text);
    expect(events.at(-1)).toMatchObject({
      event: 'error',
      data: { code: 'CANCELLED', detail: 'The gateway is shutting down; try again.' },
    });
    expect(await gateway.ended).toEqual({ code: 0, signal: null });
    await eventually(() => emulator.ledger.calls.at(-1)?.aborted, 'the end of the upstream call');
  });

  it('SIGINT, twice and with SIGTERM behind, does no harm to a stream', async () => {
    const gateway = configured(quiet);
    const { answer } = await streaming(gateway, 10);
    for (const signal of ['SIGINT', 'SIGINT', 'SIGTERM'] as const) gateway.child.kill(signal);
    expect(restEvents((await answer).text).at(-1)?.event).toBe('done');
    expect(await gateway.ended).toEqual({ code: 0, signal: null });
  });
});
