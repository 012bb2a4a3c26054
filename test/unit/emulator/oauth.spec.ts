import { generateKeyPairSync, sign } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ExternalAccountClient, Impersonated, JWT, UserRefreshClient } from 'google-auth-library';
import { fetch } from 'undici';

import { oauthWing } from '../../../src/emulator/oauth.js';
import { ServiceAccounts } from '../../../src/emulator/service-accounts.js';
import { TokenRegistry } from '../../../src/emulator/tokens.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { serveWings, type WingServer } from '../../helpers/wing-server.js';

const EMAIL = 'robot@p.iam.gserviceaccount.com';
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const keys = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});

describe('oauth wing', () => {
  let clock: ManualClock;
  let tokens: TokenRegistry;
  let serviceAccounts: ServiceAccounts;
  let server: WingServer;

  beforeEach(async () => {
    // Google's libraries stamp assertions with the machine's time.
    clock = new ManualClock(Date.now());
    tokens = new TokenRegistry(clock);
    serviceAccounts = new ServiceAccounts();
    serviceAccounts.register(EMAIL, keys.publicKey);
    server = await serveWings(oauthWing({ clock, tokens, serviceAccounts, tokenTtlSeconds: 120 }));
  });
  afterEach(() => server.close());

  /** A fetch that takes what is meant for Google to the emulator. */
  const redirected = ((input: URL | string, init: object): unknown => {
    const { pathname } = new URL(input);
    return fetch(`${server.origin}${pathname}`, init);
  }) as unknown as typeof globalThis.fetch;
  const transporterOptions = { fetchImplementation: redirected };

  const assertion = (changes: object = {}, key = keys.privateKey): string => {
    const now = Math.floor(clock.wallMs() / 1000);
    const claims = { iss: EMAIL, scope: SCOPE, aud: `${server.origin}/token`, iat: now, exp: now + 3600 };
    const encoded = [
      { alg: 'RS256', typ: 'JWT' },
      { ...claims, ...changes },
    ].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
    const signature = sign('RSA-SHA256', Buffer.from(encoded.join('.')), key);
    return `${encoded.join('.')}.${signature.toString('base64url')}`;
  };
  const post = async (
    path: string,
    form: Record<string, string>,
  ): Promise<{ status: number; body: Record<string, unknown> }> => {
    const response = await fetch(`${server.origin}${path}`, {
      method: 'POST',
      body: new URLSearchParams(form),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it('gives the official service account client a token that lives as long as configured', async () => {
    const jwt = new JWT({ email: EMAIL, key: keys.privateKey, scopes: [SCOPE], transporterOptions });
    const { token } = await jwt.getAccessToken();
    expect(tokens.valid(token ?? '')).toBe(true);
    expect(jwt.credentials.expiry_date).toBeLessThanOrEqual(Date.now() + 120_000);
    clock.advance(120_000);
    expect(tokens.valid(token ?? '')).toBe(false);
  });

  it('accepts an assertion made for its own address', async () => {
    const { status, body } = await post('/token', { grant_type: GRANT, assertion: assertion() });
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 120 });
    expect(tokens.valid(String(body['access_token']))).toBe(true);
  });

  const foreignKey = (): string =>
    generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    }) as string;
  it.each([
    ['another key', () => assertion({}, foreignKey()), 'Invalid JWT Signature.'],
    ['an unknown account', () => assertion({ iss: 'who@p' }), 'Invalid grant: account not found'],
    ['a foreign audience', () => assertion({ aud: 'https://example.com' }), /Failed audience check/],
    ['an expired time', () => assertion({ iat: 1, exp: 3601 }), /short-lived token/],
    ['a life of a day', () => assertion({ exp: Date.now() / 1000 + 86_400 }), /short-lived token/],
    ['an issue in the future', () => assertion({ iat: Date.now() / 1000 + 600 }), /short-lived token/],
    ['no JWT at all', () => 'abc', /Could not parse/],
  ])('refuses an assertion with %s as invalid_grant', async (_, make, description) => {
    const { status, body } = await post('/token', { grant_type: GRANT, assertion: make() });
    expect(status).toBe(400);
    expect(body['error']).toBe('invalid_grant');
    expect(body['error_description']).toEqual(
      typeof description === 'string' ? description : expect.stringMatching(description),
    );
  });

  it('refuses an assertion without a scope, and a grant that it does not know', async () => {
    const noScope = await post('/token', { grant_type: GRANT, assertion: assertion({ scope: undefined }) });
    expect(noScope.body['error']).toBe('invalid_scope');
    const unknown = await post('/oauth2/token', { grant_type: 'password' });
    expect(unknown).toMatchObject({ status: 400, body: { error: 'unsupported_grant_type' } });
  });

  it('renews a user token and knows clients by form or Basic credentials', async () => {
    const user = new UserRefreshClient({
      clientId: 'c',
      clientSecret: 's',
      refreshToken: 'r',
      transporterOptions,
    });
    const { token } = await user.getAccessToken();
    expect(tokens.valid(token ?? '')).toBe(true);
    const basic = await fetch(`${server.origin}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from('c:s').toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    expect(basic.status).toBe(200);
    expect(await post('/token', { grant_type: 'client_credentials' })).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    });
    const form = { client_id: 'c', client_secret: 's', grant_type: 'refresh_token' };
    expect(await post('/token', form)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  it('exchanges a workload token, also through a service account', async () => {
    const federation = {
      type: 'external_account',
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${server.origin}/v1/token`,
      subject_token_supplier: { getSubjectToken: () => Promise.resolve('subject') },
      transporterOptions,
    };
    const direct = await ExternalAccountClient.fromJSON(federation)?.getAccessToken();
    expect(tokens.valid(direct?.token ?? '')).toBe(true);
    const impersonation = `${server.origin}/v1/projects/-/serviceAccounts/${EMAIL}:generateAccessToken`;
    const through = await ExternalAccountClient.fromJSON({
      ...federation,
      service_account_impersonation_url: impersonation,
    })?.getAccessToken();
    expect(tokens.valid(through?.token ?? '')).toBe(true);
    expect(through?.token).not.toBe(direct?.token);
    const noSubject = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', audience: 'x' };
    expect(await post('/v1/token', noSubject)).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    });
  });

  it('impersonates for holders of a good token only', async () => {
    const source = new JWT({ email: EMAIL, key: keys.privateKey, scopes: [SCOPE], transporterOptions });
    const impersonated = new Impersonated({
      sourceClient: source,
      targetPrincipal: 'other@p.iam.gserviceaccount.com',
      targetScopes: [SCOPE],
      lifetime: 60,
      delegates: [],
      endpoint: server.origin,
      transporterOptions,
    });
    const { token } = await impersonated.getAccessToken();
    expect(tokens.valid(token ?? '')).toBe(true);
    clock.advance(60_000);
    expect(tokens.valid(token ?? '')).toBe(false);
    const refused = await fetch(`${server.origin}/v1/projects/-/serviceAccounts/x:generateAccessToken`, {
      method: 'POST',
      headers: { authorization: 'Bearer made-up' },
      body: '{"scope":["s"]}',
    });
    expect(refused.status).toBe(401);
  });

  it('learns accounts over HTTP', async () => {
    const register = (body: object): ReturnType<typeof fetch> =>
      fetch(`${server.origin}/emulator/service-accounts`, { method: 'POST', body: JSON.stringify(body) });
    const added = await register({ clientEmail: 'new@p', publicKeyPem: keys.publicKey });
    expect(added.status).toBe(200);
    const { status } = await post('/token', { grant_type: GRANT, assertion: assertion({ iss: 'new@p' }) });
    expect(status).toBe(200);
    expect((await register({ clientEmail: 'new@p', publicKeyPem: 'none' })).status).toBe(400);
    expect((await register({ clientEmail: 'new@p' })).status).toBe(400);
  });
});
