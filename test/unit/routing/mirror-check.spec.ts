import { describe, expect, it } from '@jest/globals';
import { bindSection } from '../../../src/config/bind-section.js';
import type { ConfigProblem } from '../../../src/core/config-snapshot.js';
import { mirrorProblems, type MirrorSurroundings } from '../../../src/routing/mirror-check.js';
import { MirrorConfig } from '../../../src/routing/mirror.config.js';
import { PriceRowConfig } from '../../../src/routing/prices.config.js';

const row = (fields: Partial<PriceRowConfig>): PriceRowConfig => Object.assign(new PriceRowConfig(), fields);
const priced = { prices: [row({ input: 1, output: 2 })] };
const surroundings: MirrorSurroundings = {
  projects: [
    { id: 'eu', residency: 'eu' },
    { id: 'us', models: ['b'] },
  ],
  models: {
    a: priced,
    b: priced,
    free: { prices: [] },
    batched: { prices: [row({ tier: 'batch', input: 1, output: 2 })] },
    embeds: { prices: [row({ input: 1 })] },
  },
  residency: undefined,
};

/** The settings as the loader makes them, and what it found wrong. */
function bound(values: object): { mirror: MirrorConfig; problems: ConfigProblem[] } {
  const problems: ConfigProblem[] = [];
  const mirror = bindSection(MirrorConfig, { ...values }, 'm', (problem) => problems.push(problem));
  return { mirror, problems };
}

const check = (values: object, more: Partial<MirrorSurroundings> = {}) =>
  mirrorProblems(bound({ maxUsdPerDay: 1, ...values }).mirror, 'm', { ...surroundings, ...more });

describe('MirrorConfig', () => {
  it('needs a model and a cap, and has defaults for the rest', () => {
    expect(bound({}).problems.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['m.model', 'm.maxUsdPerDay']),
    );
    const { mirror, problems } = bound({ model: 'a', maxUsdPerDay: 0.5 });
    expect(problems).toEqual([]);
    expect(mirror).toMatchObject({ share: 0.1, maxInFlight: 8 });
  });

  it.each([{ maxUsdPerDay: 0 }, { maxUsdPerDay: -1 }, { share: 1.1 }, { share: -0.1 }, { maxInFlight: 0 }])(
    'refuses %j',
    (wrong) => {
      const { problems } = bound({ model: 'a', maxUsdPerDay: 1, ...wrong });
      expect(problems.map(({ path }) => path)).toEqual([`m.${Object.keys(wrong)[0]}`]);
    },
  );
});

describe('mirrorProblems', () => {
  it.each([
    [{ model: 'a' }, {}],
    [{ model: 'b', project: 'us' }, {}],
    [{ model: 'a' }, { residency: 'eu' }],
    [{ model: 'a', project: 'eu' }, { residency: 'eu' }],
    [{ model: 'a' }, { projects: [] }],
  ])('finds nothing wrong with %j in %j', (values, more) => {
    expect(check(values, more)).toEqual([]);
  });

  it.each([
    [{ model: 'c' }, {}, 'm.model', '"c" is not in models'],
    [{ model: 'constructor' }, {}, 'm.model', '"constructor" is not in models'],
    ...['free', 'batched', 'embeds'].map(
      (model) =>
        [
          { model },
          {},
          'm.model',
          `"${model}" has no standard price for its output, so its cost cannot be kept within maxUsdPerDay`,
        ] as const,
    ),
    [{ model: 'a', project: 'mars' }, {}, 'm.project', '"mars" is not in projects'],
    [{ model: 'a', project: 'mars' }, { projects: [] }, 'm.project', '"mars" is not in projects'],
    [{ model: 'a', project: 'us' }, {}, 'm.project', '"us" does not serve "a"'],
    [{ model: 'a' }, { projects: [{ id: 'us', models: ['b'] }] }, 'm.model', 'no project serves "a"'],
    [{ model: 'b', project: 'us' }, { residency: 'eu' }, 'm.project', '"us" has not the residency "eu"'],
    [
      { model: 'b' },
      { projects: [{ id: 'us', models: ['b'] }], residency: 'eu' },
      'm.model',
      'no project that serves it has the residency "eu"',
    ],
  ])('finds what is wrong with %j in %j', (values, more, path, message) => {
    expect(check(values, more)).toEqual([{ path, message }]);
  });
});
