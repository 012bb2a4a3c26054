import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { DEFAULT_CONFIG, gatewayUnderTest, TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';
import { rawBody, rawExchange } from '../../helpers/raw-http.js';
import { jsonOf } from '../../helpers/rest-answers.js';

const HASHED_KEY = 'key-known-by-its-digest';
const sha256 = createHash('sha256').update(HASHED_KEY).digest('hex');
const keyDirectory = mkdtempSync(join(tmpdir(), 'gateway-keys-'));
const keyFile = join(keyDirectory, 'key');

const CONFIG = `${DEFAULT_CONFIG}
auth:
  keys:
    - { id: hashed, sha256: ${sha256}, team: payments, tenant: bank }
    - { id: by-variable, secret: "env:TEAM_KEY", team: search }
    - { id: by-file, secret: "file:${keyFile}", team: rotating }
    - { id: files-only, secret: "env:FILES_KEY", team: files, scopes: [resources] }
`;

describe('authentication of the REST surface', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    await writeFile(keyFile, 'first-file-key\n');
    under = await gatewayUnderTest({
      config: CONFIG,
      environment: { TEAM_KEY: 'key-from-a-variable', FILES_KEY: 'key-for-files-only' },
    });
  });
  afterAll(async () => {
    await under.close();
    await rm(keyDirectory, { recursive: true, force: true });
  });

  const models = (headers: Record<string, string>, path = '/v1/models') =>
    jsonOf(under.call(path, undefined, { headers: { authorization: '', ...headers } }));

  it.each([
    ['Authorization: Bearer', { authorization: `Bearer ${TEST_KEY}` }],
    ['authorization: bearer, in lower case', { authorization: `bearer ${TEST_KEY}` }],
    ['x-api-key', { 'x-api-key': TEST_KEY }],
    ['x-goog-api-key', { 'x-goog-api-key': TEST_KEY }],
  ])('takes a key by %s', async (_name, headers) => {
    expect((await models(headers)).status).toBe(200);
  });

  it.each([
    ['a digest', HASHED_KEY],
    ['a variable', 'key-from-a-variable'],
    ['a file', 'first-file-key'],
  ])('takes a key that the configuration knows by %s', async (_name, key) => {
    expect((await models({ 'x-api-key': key })).status).toBe(200);
  });

  it.each([
    ['no key', {}],
    ['an empty key', { 'x-api-key': '' }],
    ['a wrong key', { authorization: 'Bearer wrong-key-7291' }],
    ['the digest of a key', { 'x-api-key': sha256 }],
    ['a key by Basic', { authorization: `Basic ${TEST_KEY}` }],
    ['a right key with something behind it', { 'x-api-key': `${TEST_KEY}x` }],
    ['the reference of a secret', { 'x-api-key': 'env:TEAM_KEY' }],
  ])('refuses %s with a problem document', async (_name, headers) => {
    const { status, json, headers: got } = await models(headers);
    expect(status).toBe(401);
    expect(got['content-type']).toMatch(/^application\/problem\+json/);
    expect(json).toMatchObject({ status: 401, code: 'UNAUTHENTICATED', title: 'unauthenticated' });
    expect(json['requestId']).toBe(got['x-request-id']);
  });

  it('takes no key from the query, and logs none that was there', async () => {
    expect((await models({}, `/v1/models?key=${TEST_KEY}`)).status).toBe(401);
    const post = under.call(
      `/v1/generate?key=${TEST_KEY}`,
      { task: 'chat', prompt: 'x' },
      { headers: { authorization: '' } },
    );
    expect((await jsonOf(post)).status).toBe(401);
    await eventually(() => under.logs.some(({ route }) => route === '/v1/generate'), 'the log line');
    expect(under.logText()).not.toContain(TEST_KEY);
  });

  it.each(['/%761/models', '/v1%2Fmodels', '//v1/models', '/V1/models'])(
    'serves nothing without a key at another spelling of a path: %s',
    async (path) => {
      const { status } = await models({}, path);
      expect([401, 404]).toContain(status);
    },
  );

  it('serves nothing without a key when the request line names the host', async () => {
    const response = await rawExchange(
      under.url,
      'GET http://anything/v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
    );
    expect(response).toMatch(/^HTTP\/1\.1 40[14] /);
    expect(rawBody(response)).toMatchObject({
      code: expect.stringMatching(/UNAUTHENTICATED|INVALID_REQUEST/),
    });
  });

  it('forwards nothing to the upstream for a caller without a key, however the path is spelt', async () => {
    for (const path of ['/%761beta/files', '/%75pload/v1beta/files', '/v1beta/files'])
      expect((await models({}, path)).status).toBe(401);
  });

  it('refuses what the scopes of a key do not include', async () => {
    const { status, json } = await models({ 'x-api-key': 'key-for-files-only' });
    expect(status).toBe(403);
    expect(json).toMatchObject({ code: 'PERMISSION_DENIED', detail: expect.stringContaining('"generate"') });
    const files = await models({ 'x-api-key': 'key-for-files-only' }, '/v1beta/files');
    expect(files.status).toBe(200);
  });

  it('refuses a wrong key before it looks at the body', async () => {
    const answer = jsonOf(under.call('/v1/generate', '{{{', { headers: { authorization: 'Bearer nobody' } }));
    expect((await answer).json['code']).toBe('UNAUTHENTICATED');
  });

  it('attributes calls to the team of the key', async () => {
    const answer = await jsonOf(
      under.call(
        '/v1/generate',
        { task: 'chat', prompt: 'who pays' },
        { headers: { authorization: '', 'x-api-key': HASHED_KEY, 'x-request-id': 'team-call' } },
      ),
    );
    expect(answer.status).toBe(200);
    const line = await eventually(
      () => under.logs.find(({ request_id }) => request_id === 'team-call'),
      'the log line',
    );
    expect(line['team_id']).toBe('payments');
  });

  it('takes the new key of a file and refuses the old one, without a restart', async () => {
    await writeFile(keyFile, 'second-file-key');
    await eventually(
      async () => (await models({ 'x-api-key': 'second-file-key' })).status === 200,
      'rotation',
    );
    expect((await models({ 'x-api-key': 'first-file-key' })).status).toBe(401);
  });

  it('never logs a key, right or wrong', () => {
    const text = under.logText();
    for (const key of [
      TEST_KEY,
      HASHED_KEY,
      'key-from-a-variable',
      'first-file-key',
      'second-file-key',
      'key-for-files-only',
      'wrong-key-7291',
      'upstream-key',
      sha256,
    ])
      expect(text).not.toContain(key);
  });
});
