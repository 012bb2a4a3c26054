import { rename } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { SecretsConfig } from '../../../src/config/secrets.config.js';
import { SecretStore, type SecretFailure } from '../../../src/config/secrets.js';
import { systemClock, type Clock } from '../../../src/core/clock.js';
import { startEmulator } from '../../../src/emulator/emulator.js';
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

const SECRET = 'projects/p/secrets/s';
const REFERENCE = `gcp-secret:${SECRET}/versions/latest`;

interface Google {
  readonly url: string;
  /** Adds a version of the secret, or takes the permission to read it away. */
  put(change: { readonly value?: string; readonly denied?: boolean }): Promise<void>;
}

/** Secret Manager and the metadata server that default credentials come from. */
async function openGoogle(): Promise<Google> {
  const emulator = await startEmulator();
  const before = { ...process.env };
  process.env['GCE_METADATA_HOST'] = new URL(emulator.url).host;
  process.env['METADATA_SERVER_DETECTION'] = 'assume-present';
  closing.push(() => {
    process.env = before;
    return emulator.close();
  });
  return {
    url: emulator.url,
    put: async (change) => {
      const body = JSON.stringify({ name: SECRET, ...change });
      const answer = await request(`${emulator.url}/emulator/secrets`, { method: 'POST', body });
      expect(answer.statusCode).toBe(200);
      await answer.body.dump();
    },
  };
}

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
  it('reads the latest version by default credentials, and again at the interval', async () => {
    const google = await openGoogle();
    await google.put({ value: 'one' });
    const clock = new ManualClock();
    const { store } = openStore({ clock, apiEndpoint: google.url });
    const secret = store.watch(REFERENCE);
    expect(() => secret.current()).toThrow('not available');
    await store.ready();
    expect(secret.current()).toBe('one');
    await google.put({ value: 'two' });
    clock.advance(300_000);
    await until(() => secret.current() === 'two');
  });

  it('reports a refusal with the reference and keeps the value', async () => {
    const google = await openGoogle();
    await google.put({ value: 'one' });
    const clock = new ManualClock();
    const { store, failures, nextFailure } = openStore({ clock, apiEndpoint: google.url });
    const secret = store.watch(REFERENCE);
    await secret.ready();
    await google.put({ denied: true });
    const failed = nextFailure();
    clock.advance(300_000);
    await failed;
    expect(secret.current()).toBe('one');
    expect(failures[0]).toMatchObject({ reference: REFERENCE, stale: true });
    expect(failures[0]?.error.message).toContain(`The secret ${REFERENCE} cannot be read: `);
    expect(failures[0]?.error.message).toContain("Permission 'secretmanager.versions.access' denied");
  });

  it('says that a secret does not exist, and reads it once it does', async () => {
    const google = await openGoogle();
    const { store } = openStore({ apiEndpoint: google.url });
    const secret = store.watch(REFERENCE);
    await expect(secret.ready()).rejects.toThrow(`Secret [${SECRET}] not found`);
    await google.put({ value: 'one' });
    await secret.ready();
    expect(secret.current()).toBe('one');
  });

  it('gives up on an answer that does not come', async () => {
    await openGoogle();
    let asked = false;
    const silent = createServer(() => (asked = true));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    closing.push(() => {
      silent.closeAllConnections();
      return new Promise<void>((resolve) => silent.close(() => resolve()));
    });
    const clock = new ManualClock();
    const apiEndpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const { store } = openStore({ clock, apiEndpoint, fetchTimeoutMs: 5_000 });
    const failure = expect(store.watch(REFERENCE).ready()).rejects.toThrow('no answer within 5000 ms');
    await until(() => asked);
    clock.advance(5_000);
    await failure;
  });

  it('sends nothing in clear text beyond this machine', async () => {
    const { store } = openStore({ apiEndpoint: 'http://secrets.example.com' });
    await expect(store.watch(REFERENCE).ready()).rejects.toThrow('plain HTTP is for loopback addresses only');
  });
});
