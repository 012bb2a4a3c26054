import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf } from '../../helpers/rest-answers.js';

const CONFIG = `
resilience: { backoffMs: 1 }
models: { gemini-3.5-flash: {}, gemini-3.8-flash: {} }
projects:
  - { id: main, provider: gemini, baseUrl: "\${emulator}", credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] } }
tasks:
  chat:
    models: [gemini-3.5-flash]
    split: { stickyBy: user, shares: [{ model: gemini-3.8-flash, percent: 20 }] }
`;
const USERS = Array.from({ length: 60 }, (_, index) => `user-${index}`);

describe('the gradual rollout of a model', () => {
  let under: GatewayUnderTest;
  let file: string;
  let original: string;
  beforeAll(async () => {
    under = await gatewayUnderTest({ config: CONFIG });
    file = join(under.directory, 'gateway.yaml');
    original = await readFile(file, 'utf8');
  });
  afterAll(() => under.close());

  const version = async () => Number((await jsonOf(under.call('/health'))).json['configVersion']);
  async function percent(value: number): Promise<void> {
    const before = await version();
    await writeFile(`${file}.new`, original.replace('percent: 20', `percent: ${value}`));
    await rename(`${file}.new`, file);
    await eventually(async () => (await version()) > before, 'the new version');
  }
  const ask = (user: string, body: object = {}) =>
    jsonOf(under.call('/v1/generate', { task: 'chat', prompt: 'ask on', user, ...body }));
  /** Users whose calls go to the new model. */
  async function movedUsers(): Promise<string[]> {
    const answers = await Promise.all(USERS.map(async (user) => ({ user, answer: await ask(user) })));
    return answers
      .filter(({ answer }) => answer.json['model'] === 'gemini-3.8-flash')
      .map(({ user }) => user);
  }

  it('keeps a user on the model that was drawn, adds users as the share grows, and is taken back', async () => {
    const first = await movedUsers();
    expect(first.length).toBeGreaterThan(2);
    expect(first.length).toBeLessThan(30);
    expect(await movedUsers()).toEqual(first);
    await percent(60);
    const more = await movedUsers();
    expect(more.length).toBeGreaterThan(first.length);
    expect(more).toEqual(expect.arrayContaining(first));
    await percent(0);
    expect(await movedUsers()).toEqual([]);
    await percent(20);
    expect(await movedUsers()).toEqual(first);
  });

  it('falls back to the task’s model where the new one fails, and explains itself', async () => {
    const [moved = ''] = await movedUsers();
    under.emulator.scenarios.add({
      kind: 'unavailable-503',
      times: 0,
      match: { text: 'ask on', model: 'gemini-3.8-flash' },
    });
    const { json, headers } = await ask(moved);
    expect(json).toMatchObject({ model: 'gemini-3.5-flash', route: { fallback: true } });
    const explained = await jsonOf(under.call(`/v1/requests/${String(headers['x-request-id'])}/explain`));
    expect(explained.json).toMatchObject({
      share: 'gemini-3.8-flash',
      plan: [{ target: 'main/gemini-3.8-flash' }, { target: 'main/gemini-3.5-flash' }],
    });
  });
});
