import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SecretManagerServiceClient, type protos } from '@google-cloud/secret-manager';
import { OAuth2Client } from 'google-auth-library';
import { fetch } from 'undici';

import { crc32c } from '../../../src/emulator/crc32c.js';
import { secretManagerWing } from '../../../src/emulator/secret-manager.js';
import { TokenRegistry } from '../../../src/emulator/tokens.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { serveWings, type WingServer } from '../../helpers/wing-server.js';

type Accessed = protos.google.cloud.secretmanager.v1.IAccessSecretVersionResponse;

const SECRET = 'projects/p/secrets/gemini-key';

describe('secret manager wing', () => {
  let server: WingServer;
  let tokens: TokenRegistry;
  let client: SecretManagerServiceClient;

  beforeEach(async () => {
    tokens = new TokenRegistry(new ManualClock());
    server = await serveWings(secretManagerWing(tokens));
    client = official(tokens.issue('robot@p', 60));
  });
  afterEach(async () => {
    await client.close();
    await server.close();
  });

  function official(token: string): SecretManagerServiceClient {
    const authClient = new OAuth2Client();
    authClient.setCredentials({ access_token: token });
    return new SecretManagerServiceClient({
      fallback: true,
      protocol: 'http',
      apiEndpoint: '127.0.0.1',
      port: server.port,
      // The client bundles its own copy of the auth library, whose types differ in name only.
      authClient: authClient as never,
    });
  }
  const put = async (body: object): Promise<number> => {
    const response = await fetch(`${server.origin}/emulator/secrets`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    return response.status;
  };
  const access = async (version: string): Promise<Accessed> => {
    const [accessed] = await client.accessSecretVersion({ name: `${SECRET}/versions/${version}` });
    return accessed;
  };

  it('gives the official client the latest and every numbered version, with a true checksum', async () => {
    await put({ name: SECRET, value: 'one' });
    await put({ name: SECRET, value: 'zwei' });
    const latest = await access('latest');
    expect(latest.name).toBe(`${SECRET}/versions/2`);
    const data = Buffer.from(latest.payload?.data as Uint8Array);
    expect(data.toString()).toBe('zwei');
    expect(Number(latest.payload?.dataCrc32c)).toBe(crc32c(data));
    const first = await access('1');
    expect(Buffer.from(first.payload?.data as Uint8Array).toString()).toBe('one');
  });

  it('says what is not there', async () => {
    await expect(access('latest')).rejects.toMatchObject({
      code: 5,
      message: expect.stringMatching(/not found/),
    });
    await put({ name: SECRET, value: 'one' });
    await expect(access('2')).rejects.toMatchObject({ code: 5 });
  });

  it('refuses without a good token or without the permission', async () => {
    await put({ name: SECRET, value: 'one', denied: true });
    await expect(access('latest')).rejects.toMatchObject({ code: 7 });
    await put({ name: SECRET, denied: false });
    const version = await access('latest');
    expect(version.name).toBe(`${SECRET}/versions/1`);
    const anonymous = await fetch(`${server.origin}/v1/${SECRET}/versions/latest:access`, {
      headers: { authorization: 'Bearer made-up' },
    });
    expect(anonymous.status).toBe(401);
  });

  it('accepts only names of secrets', async () => {
    expect(await put({ name: 'gemini-key', value: 'x' })).toBe(400);
  });
});

describe('crc32c', () => {
  it('agrees with the check value and the vectors of RFC 3720', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
  });
});
