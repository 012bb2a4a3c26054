import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf } from '../../helpers/rest-answers.js';
import { serviceAccountKey } from '../../unit/providers/vertex/fixtures.js';

const MODEL = 'gemini-3.8-flash';

describe('credentials that Google refuses', () => {
  let under: GatewayUnderTest;
  afterEach(() => under.close());

  const ask = () => jsonOf(under.call('/v1/generate', { model: MODEL, prompt: 'ask on' }));
  const keysAsked = (): string[] => under.upstreamCalls().map(({ key }) => key);

  it('are set aside, and the other key of the project answers', async () => {
    under = await gatewayUnderTest({
      config: `
models: { ${MODEL}: {} }
projects:
  - id: main
    provider: gemini
    baseUrl: \${emulator}
    credentials: { apiKeys: [{ secret: "env:BAD_KEY" }, { secret: "env:UPSTREAM_KEY" }] }
`,
      environment: { BAD_KEY: 'bad-key' },
      emulator: { apiKeys: ['upstream-key'] },
    });
    const attempts: string[] = [];
    for (let each = 0; each < 6; each += 1) {
      const { status, headers } = await ask();
      expect(status).toBe(200);
      attempts.push(String(headers['x-gateway-attempts']));
    }
    expect(keysAsked().toSorted()).toEqual(['bad-key', ...Array.from({ length: 6 }, () => 'upstream-key')]);
    expect(attempts.toSorted()).toEqual(['1', '1', '1', '1', '1', '2']);
  });

  it('of Vertex are renewed once, unnoticed by the caller, and no more while the new ones fail', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'gateway-account-'));
    under = await gatewayUnderTest({
      config: async (emulator) => {
        await writeFile(join(directory, 'key.json'), serviceAccountKey(emulator, 'robot'));
        return `
models: { ${MODEL}: {} }
projects:
  - id: cloud
    provider: vertex
    project: emulated-project
    location: europe-west4
    baseUrl: \${emulator}
    credentials: { serviceAccount: "file:${join(directory, 'key.json')}" }
`;
      },
    });
    await rm(directory, { recursive: true });
    expect((await ask()).status).toBe(200);
    const [first = ''] = keysAsked();
    under.emulator.tokens.revoke(first);
    expect(await ask()).toMatchObject({ status: 200, headers: { 'x-gateway-attempts': '2' } });
    const [, refused, renewed = ''] = keysAsked();
    expect(refused).toBe(first);
    expect(renewed).not.toBe(first);
    under.emulator.tokens.revoke(renewed);
    expect(await ask()).toMatchObject({ status: 502, json: { code: 'UPSTREAM_AUTH' } });
    expect(keysAsked().slice(3)).toEqual([renewed]);
  });
});
