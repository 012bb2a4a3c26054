import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { registry, project, routing } from './fixtures.js';

const QUARTER_OF_AN_HOUR_MS = 900_000;
const { clock, providers } = registry();
afterEach(() => {
  providers.take([]);
  clock.advance(QUARTER_OF_AN_HOUR_MS);
});

const take = (...projects: object[]) => providers.take(routing({ projects }).projects);

describe('ProviderRegistry', () => {
  it('keeps the provider of a project whose connection did not change', () => {
    const first = take(project('a')).get('a');
    const armed = clock.armed;
    const again = take(project('a', { weight: 5, models: ['m'], modelNames: { m: 'n' }, residency: 'eu' }));
    expect(first).toBeDefined();
    expect(again.get('a')).toBe(first);
    expect(clock.armed).toBe(armed);
  });

  it.each([
    ['another endpoint', { baseUrl: 'http://127.0.0.1:1' }],
    ['another key', { credentials: { apiKeys: [{ secret: 'env:OTHER' }] } }],
    ['other times', { timeouts: { connectMs: 7 } }],
    ['other connections', { connections: { max: 7 } }],
  ])('makes a new one for %s', (_, change) => {
    const first = take(project('a')).get('a');
    expect(take(project('a', change)).get('a')).not.toBe(first);
  });

  it('closes a provider that is no longer named once no call can need it', () => {
    const gone = take(project('a'), project('b')).get('a')!;
    const close = jest.spyOn(gone, 'close');
    const kept = take(project('b')).get('b')!;
    const stays = jest.spyOn(kept, 'close');
    clock.advance(QUARTER_OF_AN_HOUR_MS - 1);
    expect(close).not.toHaveBeenCalled();
    clock.advance(1);
    expect(close).toHaveBeenCalledTimes(1);
    expect(stays).not.toHaveBeenCalled();
  });

  it('closes all at the end, those that wait for it included', async () => {
    const { providers: own } = registry();
    const takeOwn = (...projects: object[]) => own.take(routing({ projects }).projects);
    const spies = [takeOwn(project('a')).get('a')!, takeOwn(project('b')).get('b')!].map((provider) =>
      jest.spyOn(provider, 'close'),
    );
    await own.onApplicationShutdown();
    for (const spy of spies) expect(spy).toHaveBeenCalledTimes(1);
  });

  it('does not close at the end what was closed already', async () => {
    const { providers: own, clock: ownClock } = registry();
    const gone = own.take(routing({ projects: [project('a')] }).projects).get('a')!;
    const close = jest.spyOn(gone, 'close');
    own.take([]);
    ownClock.advance(QUARTER_OF_AN_HOUR_MS);
    await own.onApplicationShutdown();
    expect(close).toHaveBeenCalledTimes(1);
  });

  it('makes the provider that a project names', () => {
    const made = take(
      project('a'),
      { id: 'v', provider: 'vertex', project: 'p', credentials: { adc: true } },
      {
        id: 'k',
        provider: 'vertex',
        project: 'p',
        credentials: { serviceAccount: 'env:KEY' },
        baseUrl: 'http://127.0.0.1:1',
      },
      project('o', { provider: 'openai-compatible', baseUrl: 'http://127.0.0.1:1/v1' }),
    );
    expect([...made.keys()]).toEqual(['a', 'v', 'k', 'o']);
    expect(new Set(made.values()).size).toBe(4);
    expect('forward' in made.get('o')!).toBe(false);
    expect('forward' in made.get('v')!).toBe(true);
  });
});
