import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { bindSection } from '../../../src/config/bind-section.js';
import { SecretStore } from '../../../src/config/secrets.js';
import { SecretsConfig } from '../../../src/config/secrets.config.js';
import type { Principal } from '../../../src/core/call.js';
import { AuthConfig } from '../../../src/auth/auth.config.js';
import { allows, Authenticator } from '../../../src/auth/authenticator.js';
import { configFixture } from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';

const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');

const stores: SecretStore[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

function authWith(auth: object, environment: Record<string, string> = {}) {
  const section = bindSection(AuthConfig, auth as Record<string, unknown>, 'auth', (problem) => {
    throw new Error(JSON.stringify(problem));
  });
  const secrets = new SecretStore({ settings: new SecretsConfig(), clock: new ManualClock(), environment });
  stores.push(secrets);
  const config = configFixture(section);
  const authenticator = new Authenticator(secrets);
  return { secrets, config, is: (key: string) => authenticator.authenticate(key, config) };
}

describe('Authenticator', () => {
  it('knows a key by its digest, and nobody by another', () => {
    const { is } = authWith({
      keys: [
        { id: 'one', team: 'blue', tenant: 't', user: 'u', sha256: sha256('key-1'), scopes: ['generate'] },
        { id: 'two', team: 'red', sha256: sha256('key-2') },
      ],
    });
    expect(is('key-1')).toEqual({ keyId: 'one', team: 'blue', tenant: 't', user: 'u', scopes: ['generate'] });
    expect(is('key-2')).toEqual({
      keyId: 'two',
      team: 'red',
      tenant: 'default',
      scopes: ['generate'],
    });
    for (const key of ['', 'key', 'key-1 ', 'KEY-1', 'key-11', sha256('key-1')])
      expect(is(key)).toBeUndefined();
  });

  it('compares with every key, the found one not the last', () => {
    const { is } = authWith({
      keys: [
        { id: 'one', team: 'a', sha256: sha256('same') },
        { id: 'two', team: 'b', sha256: sha256('same') },
      ],
    });
    expect(is('same')).toMatchObject({ keyId: 'one' });
  });

  it('gives the first admin key everything', () => {
    const { is } = authWith({ bootstrapKey: 'env:FIRST' }, { FIRST: 'first-key' });
    expect(is('first-key')).toEqual({
      keyId: 'bootstrap',
      tenant: 'default',
      team: 'platform',
      scopes: ['admin'],
    });
  });

  it('follows a secret that is exchanged, without a reload', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'gateway-auth-'));
    try {
      const path = join(directory, 'key');
      await writeFile(path, 'old-key');
      const { is, secrets } = authWith({ keys: [{ id: 'one', team: 'a', secret: `file:${path}` }] });
      expect(is('old-key')).toMatchObject({ keyId: 'one' });
      await writeFile(path, 'new-key');
      await secrets.watch(`file:${path}`).refresh();
      expect(is('old-key')).toBeUndefined();
      expect(is('new-key')).toMatchObject({ keyId: 'one' });
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('takes nothing for a key whose secret cannot be read', () => {
    const { is } = authWith({ keys: [{ id: 'one', team: 'a', secret: 'env:MISSING' }] });
    for (const key of ['', 'undefined', '\0'.repeat(32), 'env:MISSING']) expect(is(key)).toBeUndefined();
  });
});

describe('allows', () => {
  const having = (...scopes: string[]): Principal => ({ keyId: 'k', tenant: 't', team: 'a', scopes });
  it('asks for the scope, which admin includes', () => {
    expect(allows(having('generate'), 'generate')).toBe(true);
    expect(allows(having('generate'), 'resources')).toBe(false);
    expect(allows(having(), 'generate')).toBe(false);
    expect(allows(having('admin'), 'resources')).toBe(true);
    expect(allows(having('generate', 'resources'), 'admin')).toBe(false);
  });
});

describe('AuthConfig', () => {
  const problems = (keys: object[]) => {
    const section = bindSection(AuthConfig, { keys }, 'auth', () => undefined);
    return AuthConfig.check(configFixture(section));
  };

  it('wants each key to have an id of its own and one form of the key', () => {
    const good = { id: 'one', team: 'a', sha256: sha256('x') };
    expect(problems([good])).toEqual([]);
    expect(problems([good, { ...good }])).toEqual([
      { path: 'auth.keys[1].id', message: '"one" is the id of another key' },
    ]);
    for (const key of [
      { id: 'one', team: 'a' },
      { ...good, secret: 'env:A' },
    ])
      expect(problems([key])).toEqual([
        { path: 'auth.keys[0]', message: 'must have either sha256 or secret' },
      ]);
  });
});
