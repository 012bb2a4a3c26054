'use strict';

const policies = [
  'prompts',
  'quota',
  'guardrails',
  'cache',
  'structured-output',
  'budget',
  'audit',
  'telemetry',
  'auth',
];

/**
 * What each folder of `src` may import from `src` beside itself. Imports point down; policies are siblings that
 * never import each other. The files directly in `src` compose and may import everything.
 */
const mayImport = {
  core: [],
  config: ['core'],
  emulator: ['core'],
  providers: ['core', 'config'],
  // Storage implements the ports that the modules above declare.
  storage: ['core', 'config', '[^/]+/[^/]+\\.(port|store|sink|ledger)\\.ts$'],
  resilience: ['core', 'config', 'quota', 'routing'],
  routing: ['core', 'config', 'quota', 'resilience', 'providers'],
  ...Object.fromEntries(policies.map((policy) => [policy, ['core', 'config', 'routing', 'resilience']])),
  gemini: ['core', 'config', 'routing', 'resilience', 'providers', ...policies],
  jobs: ['core', 'config', 'gemini', 'routing', ...policies],
  transport: ['core', 'config', 'gemini', 'routing', 'resilience', ...policies],
};

const folders = Object.keys(mayImport);
const within = (names) => `^src/(${names.map((name) => (name.endsWith('$') ? name : `${name}/`)).join('|')})`;
const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

const layers = folders.map((folder) => {
  const allowed = mayImport[folder];
  const comment = `${folder}/ may import, of src: ${[folder, ...allowed].join(', ')}.`;
  const path = '^src/';
  return forbid(
    `layer-${folder}`,
    comment,
    { path: within([folder]) },
    { path, pathNot: within([folder, ...allowed]) },
  );
});

/** Folders whose subfolders are siblings: they share only the named ones. */
const siblings = ({ parent, shared }) =>
  forbid(
    `siblings-${parent}`,
    `Folders of ${parent}/ never import each other; they share ${shared.join(' and ')}.`,
    { path: `^src/${parent}/([^/]+)/` },
    {
      path: `^src/${parent}/[^/]+/`,
      pathNot: [`^src/${parent}/$1/`, `^src/${parent}/(${shared.join('|')})/`],
    },
  );

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...layers,
    siblings({ parent: 'providers', shared: ['google-wire', 'http'] }),
    siblings({ parent: 'transport', shared: ['http', 'shared'] }),
    forbid('core-is-pure', 'core/ imports nothing.', { path: '^src/core/' }, { pathNot: '^src/core/' }),
    forbid(
      'folder-without-a-layer',
      'A new folder of src needs its row in `mayImport`.',
      { path: '^src/[^/]+/', pathNot: within(folders) },
      {},
    ),
    forbid(
      'src-without-tests',
      'src never imports what runs it.',
      { path: '^src/' },
      { path: '^(test|bench|scripts|examples)/' },
    ),
    forbid(
      'no-dev-dependency',
      'What runs in production is a dependency.',
      { path: '^src/' },
      { dependencyTypes: ['npm-dev'] },
    ),
    forbid(
      'no-unresolvable',
      'An import that resolves to nothing hides its layer.',
      {},
      { couldNotResolve: true },
    ),
    forbid('no-cycle', 'Modules form no cycle.', {}, { circular: true }),
    forbid(
      'no-orphan',
      'A module that nothing imports and that imports nothing.',
      { orphan: true, path: '^src/' },
      {},
    ),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json', '.d.ts'],
    },
    doNotFollow: { path: 'node_modules' },
  },
};
