import { mkdir, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ConfigError } from '../../../src/config/config-error.js';
import { ConfigStore, type ConfigNotice } from '../../../src/config/config-store.js';
import type { Environment } from '../../../src/config/env-layer.js';
import { systemClock, type Clock } from '../../../src/core/clock.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { ConfigDirectory } from './config-directory.js';
import { ListenConfig, SECTIONS, WorkConfig } from './sections.js';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface StoreParts {
  readonly clock?: Clock;
  readonly environment?: Environment;
}

async function openStore(text: string, { clock = new ManualClock(), environment = {} }: StoreParts = {}) {
  const directory = await ConfigDirectory.with({ 'gateway.yaml': text });
  const notices: ConfigNotice[] = [];
  const store = await ConfigStore.open({
    sections: SECTIONS,
    directory: directory.path,
    environment,
    clock,
    onNotice: (notice) => void notices.push(notice),
  });
  closing.push(
    () => directory[Symbol.asyncDispose](),
    () => store.close(),
  );
  const change = (changed: string): Promise<string> => directory.write('gateway.yaml', changed);
  return { store, notices, change, directory };
}

const labels = (store: ConfigStore): unknown => ({ ...store.current().get(WorkConfig).labels });

/** Waits until something that the operating system reports has happened; the test's own timeout bounds it. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('ConfigStore', () => {
  it('starts with version 1, deeply frozen', async () => {
    const { store } = await openStore('accounts: [{ id: one, keys: [{ secret: "env:A" }] }]');
    const snapshot = store.current();
    expect(snapshot.version).toBe(1);
    const [account] = snapshot.get(WorkConfig).accounts;
    expect(Object.isFrozen(account?.keys[0])).toBe(true);
    expect(() => (snapshot.get(ListenConfig) as { port: number }).port++).toThrow(TypeError);
    expect(store.environmentName).toBe('development');
  });

  it('does not start with an invalid configuration', async () => {
    await expect(openStore('listen: { port: x }')).rejects.toBeInstanceOf(ConfigError);
  });

  it('knows registered sections only', async () => {
    class Other {
      static readonly section = 'other';
    }
    const { store } = await openStore('');
    expect(() => store.current().get(Other)).toThrow('"other" is not registered');
  });

  it('puts a new version into effect and leaves the old one as it was', async () => {
    const { store, notices, change } = await openStore('labels: { a: one }');
    const before = store.current();
    await change('labels: { a: two }');
    expect(await store.reload()).toEqual({ kind: 'applied', version: 2, needRestart: [] });
    expect(store.current().version).toBe(2);
    expect(labels(store)).toEqual({ a: 'two' });
    expect({ ...before.get(WorkConfig).labels }).toEqual({ a: 'one' });
    expect(notices).toEqual([{ kind: 'applied', version: 2, needRestart: [] }]);
  });

  it('makes no version where nothing changed', async () => {
    const { store, change } = await openStore('labels: { a: one }');
    await change('# a comment\nlabels: { a: one }');
    expect(await store.reload()).toEqual({ kind: 'unchanged', needRestart: [] });
    expect(store.current().version).toBe(1);
  });

  it('keeps what is in effect when the new version is invalid, and says why', async () => {
    const { store, notices, change } = await openStore('labels: { a: one }');
    await change('labels: { a: two }\njobs: { a: { accounts: [none] } }');
    const problems = [
      { path: 'jobs.a.accounts[0]', message: 'there is no account "none"', source: 'config/gateway.yaml:2' },
    ];
    expect(await store.reload()).toEqual({ kind: 'refused', problems });
    expect(notices).toEqual([{ kind: 'refused', problems }]);
    expect(store.current().version).toBe(1);
    expect(labels(store)).toEqual({ a: 'one' });
  });

  it('keeps the values of sections that need a restart while the rest changes', async () => {
    const { store, change } = await openStore('listen: { port: 1 }\nlabels: { a: one }');
    await change('listen: { port: 2 }\nlabels: { a: two }');
    expect(await store.reload()).toEqual({ kind: 'applied', version: 2, needRestart: ['listen'] });
    expect(store.current().get(ListenConfig).port).toBe(1);
    expect(labels(store)).toEqual({ a: 'two' });
    expect(await store.reload()).toEqual({ kind: 'unchanged', needRestart: ['listen'] });
  });

  it('runs reloads one after another', async () => {
    const { store, change } = await openStore('labels: { a: one }');
    await change('labels: { a: two }');
    const results = await Promise.all([store.reload(), store.reload()]);
    expect(results.map(({ kind }) => kind)).toEqual(['applied', 'unchanged']);
  });

  it('goes back to the version before, or to a given one, as a new version', async () => {
    const { store, notices, change } = await openStore('labels: { a: one }');
    await change('labels: { a: two }');
    await store.reload();
    expect(store.rollback().version).toBe(3);
    expect(labels(store)).toEqual({ a: 'one' });
    expect(notices.at(-1)).toEqual({ kind: 'rolled-back', version: 3, to: 1 });
    store.rollback(2);
    expect(labels(store)).toEqual({ a: 'two' });
    expect(store.history().map(({ snapshot, by }) => [snapshot.version, by])).toEqual([
      [1, 'start'],
      [2, 'reload'],
      [3, 'rollback'],
      [4, 'rollback'],
    ]);
    expect(() => store.rollback(9)).toThrow(RangeError);
  });

  it('has nothing to go back to at first', async () => {
    const { store } = await openStore('');
    expect(() => store.rollback()).toThrow(RangeError);
  });

  it('forgets the oldest versions', async () => {
    const { store, change } = await openStore('labels: { a: one }');
    await change('labels: { a: two }');
    await store.reload();
    for (let times = 0; times < 30; times += 1) store.rollback();
    expect(store.history()).toHaveLength(20);
    expect(store.history().at(-1)?.snapshot.version).toBe(32);
  });

  it('tells listeners of each new version until they leave, whatever another one does', async () => {
    const { store, notices, change } = await openStore('labels: { a: one }');
    const heard: number[] = [];
    store.onChange(() => {
      throw new Error('broken listener');
    });
    const leave = store.onChange(({ version }) => void heard.push(version));
    await change('labels: { a: two }');
    await store.reload();
    leave();
    store.rollback();
    expect(heard).toEqual([2]);
    expect(notices).toContainEqual({ kind: 'failed', what: 'listener', error: new Error('broken listener') });
  });
});

describe('ConfigStore: watching files', () => {
  it('reloads when a file is written and when it is replaced', async () => {
    const { store, change, directory } = await openStore('labels: { a: one }', { clock: systemClock });
    store.watch();
    await change('labels: { a: two }');
    await until(() => store.current().version === 2);
    await rename(
      await directory.write('gateway.yaml.tmp', 'labels: { a: three }'),
      join(directory.path, 'gateway.yaml'),
    );
    await until(() => store.current().version === 3);
    expect(labels(store)).toEqual({ a: 'three' });
  });

  it('follows the link swap of a Kubernetes volume', async () => {
    await using volume = await ConfigDirectory.with({});
    for (const [name, text] of [
      ['v1', 'labels: { a: one }'],
      ['v2', 'labels: { a: two }'],
    ] as const) {
      await mkdir(join(volume.path, name));
      await volume.write(`${name}/extra.yaml`, text);
    }
    await symlink('v1', join(volume.path, '..data'));
    await symlink('..data/extra.yaml', join(volume.path, 'extra.yaml'));
    const { store } = await openStore('', {
      clock: systemClock,
      environment: { GATEWAY_CONFIG: join(volume.path, 'extra.yaml') },
    });
    expect(labels(store)).toEqual({ a: 'one' });
    store.watch();
    await symlink('v2', join(volume.path, '..data_tmp'));
    await rename(join(volume.path, '..data_tmp'), join(volume.path, '..data'));
    await until(() => store.current().version === 2);
    expect(labels(store)).toEqual({ a: 'two' });
  });

  it('stops when it is closed', async () => {
    const clock = new ManualClock();
    const { store, change } = await openStore('', { clock });
    store.watch();
    await change('labels: { a: two }');
    await until(() => clock.armed === 1);
    store.close();
    expect(clock.armed).toBe(0);
  });

  it('says when a directory cannot be watched', async () => {
    const { store, notices, directory } = await openStore('');
    await directory[Symbol.asyncDispose]();
    store.watch();
    expect(notices).toMatchObject([{ kind: 'failed', what: 'watch' }]);
  });
});
