import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { Call } from '../../../src/core/call.js';
import type { StickyBy } from '../../../src/routing/traffic-split.config.js';
import { modelOfShare } from '../../../src/routing/traffic-split.js';
import { callFixture } from '../../helpers/calls.js';

const share = (stickyBy: StickyBy, ...shares: readonly [model: string, percent: number][]) => ({
  stickyBy,
  shares: shares.map(([model, percent]) => ({ model, percent })),
});
const never = (): number => {
  throw new Error('nothing is to be drawn');
};
const content = (text: string) => ({ role: 'user', parts: [{ text }] });
const by = (overrides: Partial<Call>, stickyBy: StickyBy, percent = 50) =>
  modelOfShare(callFixture({ task: 't', ...overrides }), share(stickyBy, ['new', percent]), never);
const principal = (overrides: object) => ({
  principal: { keyId: 'k', tenant: 't', team: 'a', scopes: [], ...overrides },
});
/** For each of a thousand calls, whether it went to the new model. */
const thousand = (stickyBy: StickyBy, call: (index: number) => Partial<Call>, percent = 50) =>
  Array.from({ length: 1_000 }, (_, index) => by(call(index), stickyBy, percent) === 'new');
const chosen = (drawn: readonly boolean[]) => drawn.filter(Boolean).length;

describe('modelOfShare', () => {
  it('draws each call where nothing is to stay together', () => {
    const split = share('call', ['a', 10], ['b', 20]);
    const drawn = [0, 0.0999, 0.1, 0.2999, 0.3, 0.9999].map((value) =>
      modelOfShare(callFixture(), split, () => value),
    );
    expect(drawn).toEqual(['a', 'a', 'b', 'b', undefined, undefined]);
  });

  it.each<[StickyBy, (index: number) => Partial<Call>]>([
    ['team', (index) => principal({ team: `team-${index}` })],
    ['team', (index) => principal({ tenant: `tenant-${index}` })],
    ['user', (index) => ({ metadata: { user: `user-${index}` } })],
    ['user', (index) => principal({ user: `user-${index}` })],
    ['user', (index) => principal({ keyId: `key-${index}` })],
    ['conversation', (index) => ({ metadata: { conversation: `c-${index}` } })],
    ['conversation', (index) => ({ request: { contents: [content(`Hello ${index}`)] } })],
    ['conversation', (index) => ({ request: { systemInstruction: content(`Be ${index}`), contents: [] } })],
  ])('case %#: sends its share of what differs by %s, and the same each time', (stickyBy, call) => {
    const first = thousand(stickyBy, call, 20);
    expect(chosen(first)).toBeGreaterThan(150);
    expect(chosen(first)).toBeLessThan(250);
    expect(thousand(stickyBy, call, 20)).toEqual(first);
  });

  it('stays with a conversation from turn to turn, whoever of the tenant goes on with it', () => {
    for (let index = 0; index < 50; index += 1) {
      const contents = [content(`Hello ${index}`)];
      const turns = [contents, [...contents, content('Hi'), content('And?')]];
      const models = turns.map((turn) => by({ request: { contents: turn } }, 'conversation'));
      expect(models[1]).toBe(models[0]);
      expect(by({ request: { contents }, ...principal({ tenant: 'tenant-1' }) }, 'conversation')).toBe(
        models[0],
      );
    }
  });

  it('draws anew for each task', () => {
    const call = (index: number) => ({ metadata: { user: `user-${index}` } });
    expect(thousand('user', (index) => ({ ...call(index), task: 'other' }))).not.toEqual(
      thousand('user', call),
    );
  });

  it('keeps in who is in while a percentage grows, takes nobody at 0 and everybody at 100', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(100), fc.nat(100), (user, one, other) => {
        const at = (percent: number) => by({ metadata: { user } }, 'user', percent);
        if (at(Math.min(one, other)) === 'new') expect(at(Math.max(one, other))).toBe('new');
        expect([at(0), at(100)]).toEqual([undefined, 'new']);
      }),
    );
  });
});
