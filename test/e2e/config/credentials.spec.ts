import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { DEFAULT_CONFIG, gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf } from '../../helpers/rest-answers.js';

describe('upstream keys', () => {
  const directory = mkdtempSync(join(tmpdir(), 'gateway-secrets-'));
  const keyFile = join(directory, 'upstream-key');
  let under: GatewayUnderTest;
  beforeAll(async () => {
    await writeFile(keyFile, 'upstream-old\n');
    under = await gatewayUnderTest({
      config: DEFAULT_CONFIG.replace('env:UPSTREAM_KEY', `file:${keyFile}`),
      emulator: { apiKeys: ['upstream-old', 'upstream-new'] },
    });
  });
  afterAll(async () => {
    await under.close();
    await rm(directory, { recursive: true, force: true });
  });

  const ask = () => jsonOf(under.call('/v1/generate', { task: 'chat', prompt: 'x' }));

  it('are taken from a file, and exchanged with it', async () => {
    expect((await ask()).status).toBe(200);
    expect(under.upstreamCalls().at(-1)?.key).toBe('upstream-old');
    await writeFile(keyFile, 'upstream-new\n');
    await eventually(async () => {
      await ask();
      return under.upstreamCalls().at(-1)?.key === 'upstream-new';
    }, 'the new key');
  });

  it('stay what they were when the file goes away, and the log says so without the key', async () => {
    await rm(keyFile);
    const line = await eventually(
      () => under.logs.find(({ msg }) => String(msg).startsWith('a secret cannot be read')),
      'the message',
    );
    expect(line).toMatchObject({ level: 'error', reference: `file:${keyFile}` });
    expect((await ask()).status).toBe(200);
    expect(under.logText()).not.toMatch(/upstream-(?:old|new)/);
  });

  it('that Google refuses are no fault of the caller, and are not shown to it', async () => {
    await writeFile(keyFile, 'upstream-revoked');
    const refused = await eventually(async () => {
      const answer = await ask();
      return answer.status === 200 ? undefined : answer;
    }, 'the refusal');
    expect({ status: refused.status, code: refused.json['code'] }).toEqual({
      status: 502,
      code: 'UPSTREAM_AUTH',
    });
    expect(refused.text).not.toContain('upstream-revoked');
    expect(under.logText()).not.toContain('upstream-revoked');
  });
});
