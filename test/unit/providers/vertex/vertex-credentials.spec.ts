import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startEmulator, type Emulator } from '../../../../src/emulator/emulator.js';
import { VertexCredentials } from '../../../../src/providers/vertex/vertex-credentials.js';
import { ManualClock } from '../../../helpers/manual-clock.js';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import { startUpstream } from '../../../helpers/http-upstream.js';
import { exchangeable, serviceAccountKey } from './fixtures.js';

const environment = { ...process.env };
let emulator: Emulator;
const clock = new ManualClock();
beforeEach(async () => {
  emulator = await startEmulator();
});
afterEach(async () => {
  process.env = { ...environment };
  await emulator.close();
});

async function tokenOf(credentials: VertexCredentials): Promise<string> {
  const { authorization } = (await credentials.next()).headers;
  expect(authorization).toMatch(/^Bearer \S+$/);
  return authorization?.slice('Bearer '.length) ?? '';
}

describe('VertexCredentials', () => {
  it('has a token that the token endpoint gave for the key file, and keeps it between calls', async () => {
    const credentials = new VertexCredentials(exchangeable(serviceAccountKey(emulator, 'robot')), clock);
    const token = await tokenOf(credentials);
    expect(emulator.tokens.valid(token)).toBe(true);
    expect(await tokenOf(credentials)).toBe(token);
  });

  it('asks once for calls that begin together', async () => {
    const credentials = new VertexCredentials(exchangeable(serviceAccountKey(emulator, 'robot')), clock);
    const tokens = await Promise.all([tokenOf(credentials), tokenOf(credentials), tokenOf(credentials)]);
    expect(new Set(tokens).size).toBe(1);
  });

  it('takes up a key file that changed at the next call', async () => {
    const credential = exchangeable(serviceAccountKey(emulator, 'robot'));
    const credentials = new VertexCredentials(credential, clock);
    const token = await tokenOf(credentials);
    credential.text = serviceAccountKey(emulator, 'other-robot');
    const next = await tokenOf(credentials);
    expect(next).not.toBe(token);
    expect(emulator.tokens.valid(next)).toBe(true);
  });

  it('uses the default credentials of the machine where it has no key file', async () => {
    for (const name of ['GOOGLE_APPLICATION_CREDENTIALS', 'GCE_METADATA_IP']) delete process.env[name];
    process.env['HOME'] = '/nonexistent';
    process.env['GCE_METADATA_HOST'] = `127.0.0.1:${emulator.port}`;
    process.env['METADATA_SERVER_DETECTION'] = 'assume-present';
    const credentials = new VertexCredentials(undefined, clock);
    const token = await tokenOf(credentials);
    expect(emulator.tokens.valid(token)).toBe(true);
    expect(await tokenOf(credentials)).toBe(token);
  });

  it.each([
    ['is no JSON', () => 'no JSON'],
    ['is of no known kind', () => '{"type":"other"}'],
    [
      'is of an account that nobody knows',
      () => serviceAccountKey(emulator, 'robot').replace('robot@', 'stranger@'),
    ],
  ])('throws UPSTREAM_AUTH for a key file that %s, and recovers with a good one', async (_, text) => {
    const credential = exchangeable(text());
    const credentials = new VertexCredentials(credential, clock);
    await expect(credentials.next()).rejects.toMatchObject({ reason: 'UPSTREAM_AUTH' });
    credential.text = serviceAccountKey(emulator, 'robot');
    expect(emulator.tokens.valid(await tokenOf(credentials))).toBe(true);
  });

  it('tries again after a failure with the same key file', async () => {
    let down = true;
    const upstream = await startUpstream((res) => {
      if (down) res.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}');
      else
        res
          .writeHead(200, { 'content-type': 'application/json' })
          .end('{"access_token":"t","expires_in":3599,"token_type":"Bearer"}');
    });
    const key = JSON.parse(serviceAccountKey(emulator, 'robot')) as object;
    const text = JSON.stringify({ ...key, token_uri: `${upstream.url}/token` });
    const credentials = new VertexCredentials(exchangeable(text), clock);
    await expect(credentials.next()).rejects.toMatchObject({ reason: 'UPSTREAM_AUTH' });
    down = false;
    expect(await tokenOf(credentials)).toBe('t');
    await upstream.close();
  });

  it('renews a token that was refused as expired, once in a while', async () => {
    const credentials = new VertexCredentials(exchangeable(serviceAccountKey(emulator, 'robot')), clock);
    const refusal = (upstreamStatus: number) =>
      new GatewayError('UPSTREAM_AUTH', 'No.', { metadata: { upstreamStatus } });
    const first = await credentials.next();
    expect(first.refused(refusal(403))).toBe(false);
    expect(first.refused(refusal(401))).toBe(true);
    const second = await credentials.next();
    expect(second.headers).not.toEqual(first.headers);
    expect(second.refused(refusal(401))).toBe(false);
    clock.advance(30_000);
    expect(second.refused(refusal(401))).toBe(true);
  });
});
