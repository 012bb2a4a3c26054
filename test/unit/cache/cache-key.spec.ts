import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { cacheKey } from '../../../src/cache/cache-key.js';
import { canonical } from '../../../src/cache/canonical.js';
import type { Call, Principal } from '../../../src/core/call.js';
import type { JsonObject, JsonValue } from '../../../src/core/json.js';
import { CACHE_SCOPES, type CacheScope } from '../../../src/routing/task-cache.config.js';
import { callFixture } from '../../helpers/calls.js';

const anyText = fc.string({
  unit: fc.oneof(
    fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }),
    fc.constantFrom('\uD800', '\uDFFF', ';', '"', '{', 's'),
  ),
});
const json: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    anyText,
    fc.constantFrom<JsonValue>(null, true, false, 0, 1, -1, 1.5, 1e21, '', '1', 'null', 'true'),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      anyText.filter((name) => name !== '__proto__'),
      tie('value'),
      { maxKeys: 4 },
    ),
  ),
})).value;

/** The same value with the fields of every object in the opposite order. */
function reversed(value: JsonValue | undefined): JsonValue | undefined {
  if (Array.isArray(value)) return value.map((item) => reversed(item) ?? null);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, field]) => [name, reversed(field)]),
  );
}

const keyOf = (
  call: Partial<Call> = {},
  scope: CacheScope = 'tenant',
  request: JsonObject = {},
  configured = '',
) => cacheKey(callFixture(call), { scope, request, configured });

describe('canonical', () => {
  it('is the same for values that differ in the order of fields and in white space', () => {
    fc.assert(
      fc.property(json, (value) => {
        const spaced = JSON.parse(JSON.stringify(reversed(value), undefined, 2)) as JsonValue;
        expect(canonical(spaced)).toBe(canonical(value));
      }),
      { numRuns: 500 },
    );
  });

  it('differs for any two values that mean different things', () => {
    fc.assert(
      fc.property(json, json, (one, other) => {
        const same = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
        expect(canonical(one) === canonical(other)).toBe(same);
      }),
      { numRuns: 2_000 },
    );
  });

  it('differs after any one change within a value', () => {
    fc.assert(
      fc.property(fc.dictionary(anyText, json, { minKeys: 1 }), json, fc.nat(), (value, other, at) => {
        const names = Object.keys(value);
        const name = names[at % names.length] ?? '';
        fc.pre(name !== '__proto__' && canonical(value[name]) !== canonical(other));
        const { [name]: _gone, ...without } = value;
        expect(
          new Set([canonical(value), canonical({ ...value, [name]: other }), canonical(without)]).size,
        ).toBe(3);
      }),
      { numRuns: 500 },
    );
  });

  it('tells halves of surrogate pairs apart, which hashing alone would not', () => {
    expect(
      new Set([
        keyOf({}, 'tenant', { a: '\uD800' }),
        keyOf({}, 'tenant', { a: '\uD801' }),
        keyOf({}, 'tenant', { a: '\uFFFD' }),
      ]).size,
    ).toBe(3);
  });

  it('takes a field that is undefined for one that is absent', () => {
    expect(canonical({ a: 1, b: undefined })).toBe(canonical({ a: 1 }));
  });
});

function sorted(value: JsonValue | undefined): JsonValue | undefined {
  if (Array.isArray(value)) return value.map((item) => sorted(item) ?? null);
  if (typeof value !== 'object' || value === null) return value;
  // As a list: `__proto__` and numbers are no names like others.
  return Object.keys(value)
    .toSorted()
    .map((name): JsonValue => [name, sorted(value[name]) ?? null])
    .concat('object');
}

describe('cacheKey', () => {
  const principal: Principal = { keyId: 'k', tenant: 't', team: 'a', user: 'u', scopes: [] };
  const asked: Partial<Call> = { principal, operation: 'generate', model: 'm', prompt: 'p@1' };

  it('is the same for calls that differ in nothing that has a say in the answer', () => {
    const other = keyOf({
      ...asked,
      id: 'other',
      surface: 'openai',
      stream: true,
      priority: 'batch',
      deadlineMs: 1,
    });
    expect(other).toBe(keyOf(asked));
    expect(other).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each<[string, string]>([
    ['operation', keyOf({ ...asked, operation: 'embed' })],
    ['model', keyOf({ ...asked, model: 'n' })],
    ['version of the prompt', keyOf({ ...asked, prompt: 'p@2' })],
    ['configuration', keyOf(asked, 'tenant', {}, 'other')],
    ['request', keyOf(asked, 'tenant', { a: 1 })],
    ['scope', keyOf(asked, 'shared')],
    [
      'named schema',
      cacheKey(callFixture(asked), {
        scope: 'tenant',
        request: {},
        configured: '',
        schema: { type: 'null' },
      }),
    ],
  ])('differs by %s', (_what, key) => {
    expect(key).not.toBe(keyOf(asked));
  });

  it('is shared by exactly those whom the scope names', () => {
    const callers = fc.record({
      tenant: fc.constantFrom('t', 'u'),
      team: fc.constantFrom('t', 'u'),
      user: fc.option(fc.constantFrom('t', 'u'), { nil: undefined }),
      keyId: fc.constantFrom('t', 'u'),
      named: fc.option(fc.constantFrom('t', 'u'), { nil: undefined }),
    });
    const sharing = {
      shared: () => '',
      tenant: ({ tenant }) => tenant,
      team: ({ tenant, team }) => `${tenant}/${team}`,
      user: ({ tenant, team, user, keyId, named }) =>
        `${tenant}/${team}/${user === undefined ? `key ${keyId}` : `user ${user}`}/${named ?? 'none'}`,
    } satisfies Record<CacheScope, (caller: Caller) => string>;
    fc.assert(
      fc.property(callers, callers, fc.constantFrom(...CACHE_SCOPES), (one, other, scope) => {
        const groups = [one, other].map((caller) => sharing[scope](caller));
        const keys = [one, other].map(({ named, user, ...rest }) =>
          keyOf(
            {
              principal: { ...rest, ...(user === undefined ? {} : { user }), scopes: [] },
              metadata: named === undefined ? {} : { user: named },
            },
            scope,
          ),
        );
        expect(keys[0] === keys[1]).toBe(groups[0] === groups[1]);
      }),
      { numRuns: 1_000 },
    );
  });
});

interface Caller {
  readonly tenant: string;
  readonly team: string;
  readonly user: string | undefined;
  readonly keyId: string;
  readonly named: string | undefined;
}
