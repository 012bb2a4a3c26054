import { describe, expect, it } from '@jest/globals';
import { ConfigError } from '../../../src/config/config-error.js';
import type { Environment } from '../../../src/config/env-layer.js';
import { loadConfig } from '../../../src/config/load-config.js';
import type { ConfigProblem } from '../../../src/core/config-snapshot.js';
import { ConfigDirectory } from './config-directory.js';
import { ListenConfig, SECTIONS, WorkConfig } from './sections.js';

interface Loaded {
  readonly listen: ListenConfig;
  readonly work: WorkConfig;
}

async function load(files: Readonly<Record<string, string>>, environment: Environment = {}): Promise<Loaded> {
  await using directory = await ConfigDirectory.with(files);
  const { sections } = await loadConfig(SECTIONS, { directory: directory.path, environment });
  return { listen: sections.get(ListenConfig) as ListenConfig, work: sections.get(WorkConfig) as WorkConfig };
}

async function problemsOf(
  files: Readonly<Record<string, string>>,
  environment: Environment = {},
): Promise<readonly ConfigProblem[]> {
  const error: unknown = await load(files, environment).catch((thrown: unknown) => thrown);
  if (!(error instanceof ConfigError)) throw new Error('expected a ConfigError', { cause: error });
  return error.problems;
}

const JOB = 'accounts: [{ id: one }]\njobs:\n  summary: { accounts: [one] }\n';

describe('loadConfig: layers', () => {
  it('has the defaults of the classes where nothing is written', async () => {
    const { listen, work } = await load({});
    expect(listen).toEqual(new ListenConfig());
    expect(work.jobs).toEqual({});
  });

  it('lays each source over the one before it', async () => {
    await using extra = await ConfigDirectory.with({
      'extra.yaml': 'listen: { drainTimeoutMs: 5, name: extra }',
    });
    const files = {
      'gateway.yaml':
        'listen: { port: 1, drainTimeoutMs: 1, name: gateway }\nlabels: { a: gateway, b: gateway }',
      'models.yaml': 'labels: { b: models, c: models }',
      'staging.yaml': 'listen: { port: 3, drainTimeoutMs: 3, name: staging }\nlabels: { c: staging }',
    };
    const { listen, work } = await load(files, {
      GATEWAY_ENV: 'staging',
      GATEWAY_CONFIG: `${extra.path}/extra.yaml`,
      GATEWAY__LISTEN__NAME: 'variable',
    });
    expect(listen).toMatchObject({ port: 3, drainTimeoutMs: 5, name: 'variable' });
    expect({ ...work.labels }).toEqual({ a: 'gateway', b: 'models', c: 'staging' });
  });

  it('reads development.yaml where GATEWAY_ENV is not set', async () => {
    expect((await load({ 'development.yaml': 'listen: { port: 7 }' })).listen.port).toBe(7);
  });

  it('merges maps deeply, replaces lists and removes entries that are null', async () => {
    const { work } = await load({
      'gateway.yaml': `${JOB}  chat: { accounts: [one], timeoutMs: 5, cache: { ttlMs: 9 } }\nlabels: { a: x }`,
      'development.yaml':
        'accounts: [{ id: two }]\njobs:\n  summary: null\n  chat: { accounts: [two], cache: { enabled: false } }\nlabels: { a: null }',
    });
    expect(work.accounts.map(({ id }) => id)).toEqual(['two']);
    expect(Object.keys(work.jobs)).toEqual(['chat']);
    expect(work.jobs['chat']).toMatchObject({ timeoutMs: 5, cache: { ttlMs: 9, enabled: false } });
    expect(Object.keys(work.labels)).toEqual([]);
  });

  it('gives a field its default back where a later layer says null', async () => {
    const files = { 'gateway.yaml': 'listen: { port: 1 }', 'development.yaml': 'listen: { port: null }' };
    expect((await load(files)).listen.port).toBe(8080);
  });

  it('finds no name in a map that nobody wrote', async () => {
    const { work } = await load({ 'gateway.yaml': JOB });
    expect(work.jobs['constructor']).toBeUndefined();
    expect(work.labels['toString']).toBeUndefined();
  });
});

describe('loadConfig: environment variables', () => {
  it('matches names whatever their underscores, and reads values as YAML', async () => {
    const { listen } = await load(
      {},
      {
        GATEWAY__LISTEN__DRAIN_TIMEOUT_MS: '100',
        GATEWAY__LISTEN__draintimeoutms: '200',
        GATEWAY__Listen__Tls: '{ certificateFile: /a }',
      },
    );
    expect(listen.drainTimeoutMs).toBe(200);
    expect(listen.tls?.certificateFile).toBe('/a');
  });

  it('reaches entries of maps and lists', async () => {
    const { work } = await load(
      { 'gateway.yaml': JOB },
      {
        GATEWAY__ACCOUNTS__0__WEIGHT: '2.5',
        GATEWAY__ACCOUNTS__1__ID: 'two',
        GATEWAY__JOBS__SUMMARY__CACHE__TTL_MS: '5',
        GATEWAY__JOBS__CODE_REVIEW__ACCOUNTS: '[two]',
      },
    );
    expect(work.accounts).toMatchObject([{ id: 'one', weight: 2.5 }, { id: 'two' }]);
    expect(work.jobs['summary']?.cache.ttlMs).toBe(5);
    expect(work.jobs['code_review']?.accounts).toEqual(['two']);
  });

  it('takes text fields as text', async () => {
    expect((await load({}, { GATEWAY__LISTEN__NAME: '0123' })).listen.name).toBe('0123');
    expect((await load({}, { LISTEN_NAME: 'true' })).listen.name).toBe('true');
  });

  it('sets a field by its named variable, below GATEWAY__ and not by an empty one', async () => {
    const files = { 'gateway.yaml': 'listen: { port: 1 }' };
    expect((await load(files, { PORT: '9000' })).listen.port).toBe(9000);
    expect((await load(files, { PORT: '' })).listen.port).toBe(1);
    expect((await load(files, { PORT: '9000', GATEWAY__LISTEN__PORT: '9001' })).listen.port).toBe(9001);
  });

  it('keeps a secret from a named variable out of the configuration', async () => {
    const { listen } = await load(
      { 'gateway.yaml': 'listen: { tls: { certificateFile: /a } }' },
      { TLS_KEY: 's3cret' },
    );
    expect(listen.tls?.key).toBe('env:TLS_KEY');
  });

  it('reports variables that match nothing, with the nearest name', async () => {
    const problems = await problemsOf(
      { 'gateway.yaml': JOB },
      {
        GATEWAY__LISTEN__PROT: '1',
        GATEWAY__LISTN__PORT: '1',
        GATEWAY__LISTEN__PORT__X: '1',
        GATEWAY__ACCOUNTS__5__ID: 'x',
      },
    );
    expect(problems).toEqual([
      {
        path: '',
        message: '"5" is no position in a list of 1',
        source: 'environment variable GATEWAY__ACCOUNTS__5__ID',
      },
      {
        path: '',
        message: '"X" leads into a field that has no fields of its own',
        source: 'environment variable GATEWAY__LISTEN__PORT__X',
      },
      {
        path: '',
        message: 'matches no field at "PROT"; did you mean "port"?',
        source: 'environment variable GATEWAY__LISTEN__PROT',
      },
      {
        path: '',
        message: 'matches no section at "LISTN"; did you mean "listen"?',
        source: 'environment variable GATEWAY__LISTN__PORT',
      },
    ]);
  });

  it('names the variable as the source of a wrong value', async () => {
    expect(await problemsOf({}, { PORT: 'http' })).toMatchObject([
      { path: 'listen.port', source: 'environment variable PORT' },
    ]);
  });
});

const TEN_MISTAKES = `listen:
  port: 70000
  drainTimeoutMs: 20s
  tls: { key: "AIzaSyNotAReference" }
accounts:
  - id: one
    keys: [{ secret: "AIzaSyAlsoNotAReference" }]
    limits: { gemini-3.8-flash: { rpm: many } }
  - weight: 1
jobs:
  summary: { accounts: [one], timeoutSeconds: 20 }
  chat: { accounts: [nobody] }
  review: { accounts: [one], priority: urgent, cache: { enabled: "yes" } }
jbos: {}
`;

describe('loadConfig: mistakes', () => {
  it('reports all of them at once, each with its path and place', async () => {
    const problems = await problemsOf({ 'gateway.yaml': TEN_MISTAKES });
    const lines = problems.map(({ path, message, source }) => `${source} ${path} ${message}`).toSorted();
    const reference =
      'must be a reference to a secret ("env:NAME", "file:/path" or "gcp-secret:projects/p/secrets/s/versions/latest"), not the secret itself';
    expect(lines).toEqual([
      'config/gateway.yaml:11 jobs.summary.timeoutSeconds unknown field; did you mean "timeoutMs"?',
      'config/gateway.yaml:12 jobs.chat.accounts[0] there is no account "nobody"',
      'config/gateway.yaml:13 jobs.review.cache.enabled must be a boolean value, got a string',
      'config/gateway.yaml:13 jobs.review.priority must be one of the following values: interactive, batch, got a string',
      'config/gateway.yaml:14 jbos unknown section; did you mean "jobs"?',
      'config/gateway.yaml:2 listen.port must not be greater than 65535, got 70000',
      'config/gateway.yaml:3 listen.drainTimeoutMs must be an integer number, must not be less than 0 (milliseconds), got a string',
      'config/gateway.yaml:4 listen.tls.certificateFile is required',
      `config/gateway.yaml:4 listen.tls.key ${reference}`,
      `config/gateway.yaml:7 accounts[0].keys[0].secret ${reference}`,
      'config/gateway.yaml:8 accounts[0].limits["gemini-3.8-flash"].rpm must be an integer number, must not be less than 0, got a string',
      'config/gateway.yaml:9 accounts[1].id is required',
    ]);
  });

  it('prints one line per problem and no secret', async () => {
    const error = new ConfigError(await problemsOf({ 'gateway.yaml': TEN_MISTAKES }));
    expect(error.message.split('\n')).toHaveLength(13);
    expect(error.message).toContain(
      '\n  listen.port: must not be greater than 65535, got 70000 (config/gateway.yaml:2)\n',
    );
    expect(error.message).not.toContain('AIza');
  });

  it('names the layer whose value is wrong', async () => {
    const files = { 'gateway.yaml': JOB, 'development.yaml': 'jobs: { summary: { timeoutMs: soon } }' };
    expect(await problemsOf(files)).toMatchObject([
      { path: 'jobs.summary.timeoutMs', source: 'config/development.yaml:1' },
    ]);
  });

  it('blames no earlier layer for what a later list lacks', async () => {
    const files = {
      'gateway.yaml': 'accounts:\n  - id: one',
      'development.yaml': 'accounts: [{ weight: 1 }]',
    };
    expect(await problemsOf(files)).toMatchObject([
      { path: 'accounts[0].id', source: 'config/development.yaml:1' },
    ]);
  });

  it.each([
    ['accounts: {}', 'accounts', 'must be a list, got a mapping'],
    ['jobs: []', 'jobs', 'must be a mapping, got a list'],
    ['jobs: { a: 5 }', 'jobs.a', 'must be a mapping, got a number'],
    ['accounts: [null]', 'accounts[0]', 'must be a mapping, got nothing'],
    ['labels: { a: 5 }', 'labels.a', 'must be a string, got a number'],
    ['listen: 5', 'listen', 'must be a mapping of fields'],
    ['listen: { tls: 5 }', 'listen.tls', 'must be a mapping, got a number'],
    ['labels: { __proto__: x }', 'labels.__proto__', 'is no name'],
    ['listen: { port: 123456 }', 'listen.port', 'must not be greater than 65535, got 123456'],
  ])('%s', async (text, path, message) => {
    expect(await problemsOf({ 'gateway.yaml': text })).toContainEqual({
      path,
      message,
      source: 'config/gateway.yaml:1',
    });
  });

  it.each([
    ['duplicate keys', 'listen: { port: 1 }\nlisten: { port: 2 }', 'Map keys must be unique', ':2'],
    ['broken YAML', 'listen: { port: 1', 'Flow map in block collection', ':1'],
    ['unknown tags', 'listen: !!js/function x', 'Unresolved tag', ':1'],
    ['a list at the top', '- a', 'must be a mapping of sections', ''],
    ['deep nesting', `labels: ${'['.repeat(100_000)}`, 'nests too deeply', ''],
    ['large files', `# ${'x'.repeat(1_048_576)}`, 'larger than 1048576 bytes', ''],
    [
      'alias bombs',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]`,
      'too many aliases',
      '',
    ],
  ])('refuses %s', async (_, text, message, line) => {
    const problems = await problemsOf({ 'gateway.yaml': text });
    expect(problems).toContainEqual({
      path: '',
      message: expect.stringContaining(message),
      source: `config/gateway.yaml${line}`,
    });
  });

  it('refuses an environment that has no file, and one that is a path', async () => {
    expect(await problemsOf({}, { GATEWAY_ENV: 'prodution' })).toEqual([
      { path: '', message: 'the file cannot be read (ENOENT)', source: 'config/prodution.yaml' },
    ]);
    expect(await problemsOf({}, { GATEWAY_ENV: '../x' })).toMatchObject([{ source: 'GATEWAY_ENV' }]);
  });

  it('refuses a file named by GATEWAY_CONFIG that is not there', async () => {
    expect(await problemsOf({}, { GATEWAY_CONFIG: '/nowhere/x.yaml' })).toMatchObject([
      { source: '/nowhere/x.yaml' },
    ]);
  });
});
