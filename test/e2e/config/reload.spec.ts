import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startEmulator, type Emulator } from '../../../src/emulator/emulator.js';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf, restEvents } from '../../helpers/rest-answers.js';

describe('a change of gateway.yaml while the gateway runs', () => {
  let under: GatewayUnderTest;
  let second: Emulator;
  let file: string;
  let original: string;
  beforeAll(async () => {
    under = await gatewayUnderTest({ environment: { SECOND_KEY: 'second-key' } });
    second = await startEmulator();
    file = join(under.directory, 'gateway.yaml');
    original = await readFile(file, 'utf8');
  });
  afterAll(async () => {
    await under.close();
    await second.close();
  });

  /** As editors do: a new file in the place of the old one. */
  async function edit(text: string): Promise<void> {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  }
  const version = async () => Number((await jsonOf(under.call('/health'))).json['configVersion']);
  async function apply(text: string): Promise<void> {
    const before = await version();
    await edit(text);
    await eventually(async () => (await version()) > before, 'the new version');
  }
  const ask = (body: object) =>
    jsonOf(under.call('/v1/generate', { task: 'chat', prompt: 'hello', ...body }));
  const targetOf = async (body: object = {}) => (await ask(body)).headers['x-gateway-target'];

  it('moves a task to another model for calls that start after it', async () => {
    under.emulator.scenarios.add({ chunkDelayMs: 60, chunks: 10, match: { text: 'long' } });
    const begun = ask({ prompt: 'a long one', stream: true });
    await eventually(() => under.upstreamCalls().at(-1)?.chunksSent, 'the first chunk');
    await apply(
      original.replace('chat: { models: [gemini-3.8-flash] }', 'chat: { models: [gemini-2.5-flash] }'),
    );
    expect(await targetOf()).toBe('main/gemini-2.5-flash');
    const events = restEvents((await begun).text);
    expect(events.at(-1)).toMatchObject({ event: 'done', data: { model: 'gemini-3.8-flash' } });
    expect(under.logs).toContainEqual(expect.objectContaining({ kind: 'applied', level: 'info' }));
  });

  it('lets a call that is waiting fall back under the configuration that it started with', async () => {
    await apply(original);
    // A wait too long for the preferred model: the next one is asked at once.
    under.emulator.scenarios.add({
      kind: 'rate-minute',
      retryDelayMs: 2_000,
      delayMs: 500,
      match: { text: 'waits' },
    });
    const calls = under.upstreamCalls().length;
    const waiting = targetOf({ task: 'summary', prompt: 'waits' });
    await eventually(() => under.upstreamCalls().length > calls, 'the first attempt');
    await apply(original.replace('[gemini-3.5-flash-lite, gemini-3.8-flash]', '[gemini-2.5-flash]'));
    expect(await waiting).toBe('main/gemini-3.8-flash');
    await apply(original);
  });

  it('has no effect when it is not valid, and the log says where it is wrong', async () => {
    const before = await version();
    await edit(`${original.replace('[gemini-3.8-flash]', '[gemini-9]')}\nnonsense: 1\n`);
    const line = await eventually(() => under.logs.find(({ kind }) => kind === 'refused'), 'the refusal');
    expect(line['level']).toBe('error');
    expect((line['problems'] as { path: string }[]).map(({ path }) => path).toSorted()).toEqual([
      'nonsense',
      'tasks.chat.models[0]',
    ]);
    expect(await version()).toBe(before);
    expect(await targetOf()).toBe('main/gemini-3.8-flash');
    await edit(original);
  });

  it('adds a project and takes it away again with calls in flight', async () => {
    const project = `  - { id: second, provider: gemini, weight: 1000000, baseUrl: "${second.url}", credentials: { apiKeys: [{ secret: "env:SECOND_KEY" }] } }\n`;
    await apply(original.replace('tasks:', `${project}tasks:`));
    expect(await targetOf()).toBe('second/gemini-3.8-flash');
    second.scenarios.add({ chunkDelayMs: 60, chunks: 10, match: { text: 'long' } });
    const inFlight = ask({ prompt: 'a long one', stream: true });
    await eventually(() => second.ledger.calls.at(-1)?.chunksSent, 'the first chunk');
    await apply(original);
    expect(await targetOf()).toBe('main/gemini-3.8-flash');
    expect(restEvents((await inFlight).text).at(-1)?.event).toBe('done');
    expect(second.ledger.calls.at(-1)).toMatchObject({ outcome: 'ok', aborted: false });
  });

  it('adds and takes away keys of callers', async () => {
    const sha256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    const status = async () =>
      (await jsonOf(under.call('/v1/models', undefined, { headers: { authorization: 'Bearer abc' } })))
        .status;
    expect(await status()).toBe(401);
    await apply(`${original}\nauth: { keys: [{ id: new, sha256: ${sha256}, team: new }] }\n`);
    expect(await status()).toBe(200);
    await apply(original);
    expect(await status()).toBe(401);
  });

  it('says that a change needs a restart where it does', async () => {
    await edit(`${original}\nserver: { bodyLimitBytes: 2048 }\n`);
    const line = await eventually(
      () => under.logs.find(({ level, needRestart }) => level === 'warn' && needRestart !== undefined),
      'the warning',
    );
    expect(line['needRestart']).toEqual(['server']);
    expect((await ask({ prompt: 'x'.repeat(5_000) })).status).toBe(200);
  });
});
