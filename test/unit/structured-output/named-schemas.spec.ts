import { afterEach, describe, expect, it } from '@jest/globals';
import { ConfigError } from '../../../src/config/config-error.js';
import { ConfigStore } from '../../../src/config/config-store.js';
import { NamedSchemas } from '../../../src/structured-output/named-schemas.js';
import { SchemasConfig } from '../../../src/structured-output/schemas.config.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { ConfigDirectory } from '../config/config-directory.js';

const directories: ConfigDirectory[] = [];
afterEach(async () => {
  for (const directory of directories.splice(0)) await directory[Symbol.asyncDispose]();
});

async function store(text: string): Promise<{ opened: ConfigStore; directory: ConfigDirectory }> {
  const directory = await ConfigDirectory.with({ 'gateway.yaml': text });
  directories.push(directory);
  const sections = [SchemasConfig];
  const opened = await ConfigStore.open({
    sections,
    directory: directory.path,
    environment: {},
    clock: new ManualClock(),
  });
  return { opened, directory };
}

const schemas = async (text: string): Promise<NamedSchemas> => new NamedSchemas((await store(text)).opened);

const problems = async (text: string): Promise<unknown> => {
  const failure: unknown = await store(text).catch((thrown: unknown) => thrown);
  return failure instanceof ConfigError
    ? failure.problems.map(({ path, message }) => ({ path, message }))
    : failure;
};

describe('NamedSchemas', () => {
  const versions = `schemas: { person: { versions: {
    "9": { type: string }, "10": { type: object, properties: { "": {}, name: { type: [string, "null"] } } } } } }`;

  it('gives the version that is asked for', async () => {
    const named = await schemas(versions);
    expect(named.find('person', '9')).toEqual({ name: 'person', version: '9', schema: { type: 'string' } });
  });

  it('gives the last version by value where none is asked for', async () => {
    expect((await schemas(versions)).find('person')).toMatchObject({
      version: '10',
      schema: { properties: { name: { type: ['string', 'null'] } } },
    });
  });

  it('counts within names of versions', async () => {
    const named = await schemas('schemas: { a: { versions: { v1.9.0: {}, v1.10.0: {}, v1.2.3: {} } } }');
    expect(named.find('a')?.version).toBe('v1.10.0');
  });

  it('finds nothing that nobody named', async () => {
    const named = await schemas(versions);
    for (const [name, version] of [['nobody'], ['person', '11'], ['constructor'], ['person', 'toString']])
      expect(named.find(name as string, version)).toBeUndefined();
  });

  it('follows a reload, and gives a call that began before what it began with', async () => {
    const { opened, directory } = await store('schemas: { a: { versions: { "1": {} } } }');
    const named = new NamedSchemas(opened);
    const before = opened.current();
    await directory.write('gateway.yaml', 'schemas: { a: { versions: { "1": {}, "2": {} } } }');
    await opened.reload();
    expect(named.find('a')?.version).toBe('2');
    expect(named.find('a', undefined, before)?.version).toBe('1');
  });
});

describe('the section of schemas', () => {
  it.each([
    ['schemas: { a: { versions: { "1": { type: text } } } }', 'schemas.a.versions.1', /at \/type/],
    [
      'schemas: { a: { versions: { "1": { pattern: "(?=a)" } } } }',
      'schemas.a.versions.1',
      /at \/pattern: RE2/,
    ],
    ['schemas: { a: { versions: { "1": { $ref: "b.json" } } } }', 'schemas.a.versions.1', /never fetched/],
    ['schemas: { a: { versions: { "1": text } } }', 'schemas.a.versions.1', /must be a JSON object/],
    ['schemas: { a: { versions: { "1 0": {} } } }', 'schemas.a.versions.1 0', /no name of a version/],
    ['schemas: { a: {} }', 'schemas.a.versions', /must have a version/],
    ['schemas: { a: { versions: [] } }', 'schemas.a.versions', /object/],
  ])('refuses %s', async (text, path, message) => {
    expect(await problems(text)).toEqual(
      expect.arrayContaining([{ path, message: expect.stringMatching(message) }]),
    );
  });
});
