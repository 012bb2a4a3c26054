import { rename } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { SecretsConfig } from '../../../src/config/secrets.config.js';
import { SecretStore, type SecretFailure } from '../../../src/config/secrets.js';
import { systemClock, type Clock } from '../../../src/core/clock.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { ConfigDirectory } from './config-directory.js';

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface StoreParts {
  readonly environment?: Record<string, string>;
  readonly clock?: Clock;
  readonly apiEndpoint?: string;
  readonly fetchTimeoutMs?: number;
}

function openStore({
  environment = {},
  clock = new ManualClock(),
  apiEndpoint,
  fetchTimeoutMs,
}: StoreParts = {}) {
  const settings = new SecretsConfig();
  if (apiEndpoint !== undefined) settings.gcp.apiEndpoint = apiEndpoint;
  if (fetchTimeoutMs !== undefined) settings.fetchTimeoutMs = fetchTimeoutMs;
  const failures: SecretFailure[] = [];
  const heard: (() => void)[] = [];
  const store = new SecretStore({
    settings,
    clock,
    environment,
    onFailure: (failure) => {
      failures.push(failure);
      for (const resume of heard.splice(0)) resume();
    },
  });
  closing.push(() => store.close());
  const nextFailure = (): Promise<void> => new Promise((resolve) => heard.push(resolve));
  return { store, failures, nextFailure };
}

/** Waits until something that the operating system reports has happened; the test's own timeout bounds it. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

interface SecretManager {
  readonly endpoint: string;
  readonly paths: string[];
  answer: { readonly status: number; readonly body: string } | undefined;
}

async function openSecretManager(): Promise<SecretManager> {
  const manager: { endpoint: string; paths: string[]; answer: SecretManager['answer'] } = {
    endpoint: '',
    paths: [],
    answer: undefined,
  };
  const server: Server = createServer((request, response) => {
    manager.paths.push(
      `${request.method} ${request.url?.split('?')[0]} ${request.headers.authorization ?? '-'}`,
    );
    if (manager.answer === undefined) return;
    response
      .writeHead(manager.answer.status, { 'content-type': 'application/json' })
      .end(manager.answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  manager.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  closing.push(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return manager;
}

const payload = (secret: string) => ({
  status: 200,
  body: JSON.stringify({ name: 'n', payload: { data: Buffer.from(secret).toString('base64') } }),
});

const VERSION = 'projects/p/secrets/s/versions/latest';

describe('SecretStore', () => {
  it('has the value of a variable at once, as it was when the store was made', () => {
    const environment = { KEY: 'one\n' };
    const { store } = openStore({ environment });
    environment.KEY = 'two';
    expect(store.watch('env:KEY').current()).toBe('one');
  });

  it('gives every user of a reference the same secret', () => {
    const { store } = openStore({ environment: { KEY: 'one' } });
    expect(store.watch('env:KEY')).toBe(store.watch('env:KEY'));
  });

  it('prints a secret as its reference', () => {
    const secret = openStore({ environment: { KEY: 's3cret' } }).store.watch('env:KEY');
    expect(JSON.stringify({ secret })).toBe('{"secret":"[secret env:KEY]"}');
    expect(inspect({ secret })).toBe('{ secret: [secret env:KEY] }');
    expect(String(secret)).toBe('[secret env:KEY]');
    expect(inspect(secret, { showHidden: true })).not.toContain('s3cret');
  });

  it('names the reference of what is not there, to operators only', async () => {
    const { store, failures } = openStore({ environment: { EMPTY: '\n' } });
    const secret = store.watch('env:MISSING');
    await expect(secret.ready()).rejects.toThrow(
      'The secret env:MISSING cannot be read: the environment variable is not set.',
    );
    expect(failures).toMatchObject([{ reference: 'env:MISSING', stale: false }]);
    expect(() => secret.current()).toThrow(
      expect.objectContaining({
        reason: 'UPSTREAM_AUTH',
        message: 'A credential of the gateway is not available.',
      }),
    );
    await expect(store.watch('env:EMPTY').ready()).rejects.toThrow('env:EMPTY');
    await expect(store.ready()).rejects.toThrow('env:MISSING');
  });

  it('does not print what is no reference', () => {
    const { store } = openStore();
    expect(() => store.watch('AIzaSecret')).toThrow(new TypeError('This is no reference to a secret.'));
  });

  it.each([
    ['file:/nowhere/key', 'ENOENT'],
    ['file:/dev', 'EISDIR'],
  ])('says why %s cannot be read', async (reference, why) => {
    const { store } = openStore();
    await expect(store.watch(reference).ready()).rejects.toThrow(
      `The secret ${reference} cannot be read: ${why}.`,
    );
  });

  it('refuses a file that is too large to be a secret', async () => {
    await using directory = await ConfigDirectory.with({ key: 'x'.repeat(65_537) });
    const { store } = openStore();
    await expect(store.watch(`file:${directory.path}/key`).ready()).rejects.toThrow(
      'larger than 65536 bytes',
    );
  });

  it('follows a file that is replaced, without waiting for the interval', async () => {
    await using directory = await ConfigDirectory.with({ key: 'one\n' });
    const { store } = openStore({ clock: systemClock });
    const secret = store.watch(`file:${directory.path}/key`);
    expect(secret.current()).toBe('one');
    await rename(await directory.write('key.new', 'two\n'), `${directory.path}/key`);
    await until(() => secret.current() === 'two');
  });

  it('reads again at each interval and keeps the last good value when that fails', async () => {
    await using directory = await ConfigDirectory.with({ key: 'one' });
    const clock = new ManualClock();
    const { store, failures, nextFailure } = openStore({ clock });
    const secret = store.watch(`file:${directory.path}/key`);
    await directory.write('key', '');
    const failed = nextFailure();
    clock.advance(300_000);
    await failed;
    expect(secret.current()).toBe('one');
    expect(failures[0]).toMatchObject({ reference: secret.id, stale: true });
    await directory.write('key', 'three');
    await until(() => clock.armed > 0);
    clock.advance(300_000);
    await until(() => secret.current() === 'three');
  });

  it('arms no timer after it was closed', async () => {
    const clock = new ManualClock();
    const { store } = openStore({ clock, environment: { KEY: 'one' } });
    store.watch('env:KEY');
    expect(clock.armed).toBe(1);
    await store.close();
    expect(clock.armed).toBe(0);
  });
});

describe('SecretStore: Secret Manager', () => {
  it('reads a version over plain HTTP on loopback without credentials, and again at the interval', async () => {
    const manager = await openSecretManager();
    manager.answer = payload('one');
    const clock = new ManualClock();
    const { store } = openStore({ clock, apiEndpoint: manager.endpoint });
    const secret = store.watch(`gcp-secret:${VERSION}`);
    expect(() => secret.current()).toThrow('not available');
    await store.ready();
    expect(secret.current()).toBe('one');
    manager.answer = payload('two');
    clock.advance(300_000);
    await until(() => secret.current() === 'two');
    expect(manager.paths).toEqual(Array(2).fill(`GET /v1/${VERSION}:access -`));
  });

  it('reports a refusal with the reference and keeps the value', async () => {
    const manager = await openSecretManager();
    manager.answer = payload('one');
    const clock = new ManualClock();
    const { store, failures, nextFailure } = openStore({ clock, apiEndpoint: manager.endpoint });
    const secret = store.watch(`gcp-secret:${VERSION}`);
    await secret.ready();
    manager.answer = {
      status: 403,
      body: JSON.stringify({
        error: { code: 403, message: 'Permission denied on s.', status: 'PERMISSION_DENIED' },
      }),
    };
    const failed = nextFailure();
    clock.advance(300_000);
    await failed;
    expect(secret.current()).toBe('one');
    expect(failures[0]?.error.message).toContain(`The secret gcp-secret:${VERSION} cannot be read: `);
    expect(failures[0]?.error.message).toContain('Permission denied on s.');
  });

  it('gives up on an answer that does not come', async () => {
    const manager = await openSecretManager();
    const clock = new ManualClock();
    const { store } = openStore({ clock, apiEndpoint: manager.endpoint, fetchTimeoutMs: 5_000 });
    const secret = store.watch(`gcp-secret:${VERSION}`);
    const failure = expect(secret.ready()).rejects.toThrow('no answer within 5000 ms');
    await until(() => manager.paths.length > 0);
    clock.advance(5_000);
    await failure;
  });

  it('sends nothing in clear text beyond this machine', async () => {
    const { store } = openStore({ apiEndpoint: 'http://secrets.example.com' });
    await expect(store.watch(`gcp-secret:${VERSION}`).ready()).rejects.toThrow(
      'plain HTTP is for loopback addresses only',
    );
  });
});
