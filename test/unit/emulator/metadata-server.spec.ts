import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Compute, GoogleAuth } from 'google-auth-library';
import { fetch } from 'undici';

import { metadataServerWing } from '../../../src/emulator/metadata-server.js';
import { TokenRegistry } from '../../../src/emulator/tokens.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { serveWings, type WingServer } from '../../helpers/wing-server.js';

const ADC_VARIABLES = [
  'GCE_METADATA_HOST',
  'METADATA_SERVER_DETECTION',
  'HOME',
  'GOOGLE_APPLICATION_CREDENTIALS',
];

describe('metadata server wing', () => {
  let server: WingServer;
  let tokens: TokenRegistry;
  let before: Record<string, string | undefined>;

  beforeEach(async () => {
    tokens = new TokenRegistry(new ManualClock());
    server = await serveWings(metadataServerWing({ tokens, projectId: 'p1', email: 'vm@p1' }));
    before = Object.fromEntries(ADC_VARIABLES.map((name) => [name, process.env[name]]));
    for (const name of ADC_VARIABLES) delete process.env[name];
    process.env['GCE_METADATA_HOST'] = `127.0.0.1:${server.port}`;
    process.env['HOME'] = '/nonexistent';
  });
  afterEach(async () => {
    for (const [name, value] of Object.entries(before))
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    await server.close();
  });

  const get = (path: string, flavor = 'Google'): ReturnType<typeof fetch> =>
    fetch(`${server.origin}${path}`, { headers: { 'metadata-flavor': flavor } });

  it('gives default credentials a token and a project', async () => {
    const auth = new GoogleAuth({ scopes: ['https://www.googleapis.com/auth/cloud-platform'] });
    const client = await auth.getClient();
    expect(client).toBeInstanceOf(Compute);
    const { token } = await client.getAccessToken();
    expect(tokens.valid(token ?? '')).toBe(true);
    expect(await auth.getProjectId()).toBe('p1');
    expect(await auth.getUniverseDomain()).toBe('googleapis.com');
  });

  it('describes the service account by alias and by address', async () => {
    const account = '/computeMetadata/v1/instance/service-accounts/default';
    const whole = await get(`${account}/?recursive=true`);
    expect(await whole.json()).toMatchObject({ email: 'vm@p1', aliases: ['default'] });
    expect(await (await get(account.replace('default', 'vm@p1/email'))).text()).toBe('vm@p1');
    expect(await (await get(`${account}/scopes`)).text()).toContain('cloud-platform');
    expect((await get(`${account}/token`)).headers.get('metadata-flavor')).toBe('Google');
    expect(await (await get('/')).text()).toContain('computeMetadata/');
  });

  it('refuses requests without the header, and knows what it does not have', async () => {
    const refused = await get('/computeMetadata/v1/project/project-id', 'Other');
    expect(refused.status).toBe(403);
    expect((await get('/computeMetadata/v1/instance/disks')).status).toBe(404);
  });
});
