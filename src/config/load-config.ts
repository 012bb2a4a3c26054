import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ConfigProblem, ConfigSnapshot, SectionClass } from '../core/config-snapshot.js';
import { bindSection, type Report } from './bind-section.js';
import { ConfigError } from './config-error.js';
import { suggestion } from './config-path.js';
import { ConfigTree, emptyMap, isRawMap, type RawMap } from './config-tree.js';
import { applyEnvironment, type Environment } from './env-layer.js';
import { fieldsOf } from './field.decorator.js';
import { snapshotOf, type SectionInstances } from './snapshot.js';
import { parseYamlLayer } from './yaml-layer.js';

/** Where the configuration comes from. */
export interface ConfigSources {
  /** Directory of gateway.yaml, models.yaml and one file per environment; `config` in the working directory. */
  readonly directory?: string;
  /** The process environment unless given. */
  readonly environment?: Environment;
  /** Values below every file, for what the start-up decides where nobody configured anything. */
  readonly defaults?: Readonly<RawMap>;
}

/** A file of the configuration. */
export interface ConfigFile {
  readonly path: string;
  /** Name in messages. */
  readonly label: string;
  readonly required: boolean;
}

const DEFAULT_ENVIRONMENT = 'development';

/** Name of the environment, from `GATEWAY_ENV`; `development` where it is not set. */
export function environmentName(sources: ConfigSources): string {
  return (sources.environment ?? process.env)['GATEWAY_ENV'] || DEFAULT_ENVIRONMENT;
}

/** The files that make up the configuration, the weakest first. */
export function configFiles(sources: ConfigSources): ConfigFile[] {
  const environment = sources.environment ?? process.env;
  const directory = resolve(sources.directory ?? 'config');
  const name = environmentName(sources);
  if (!/^[A-Za-z0-9][\w-]*$/.test(name))
    throw new ConfigError([{ path: '', message: 'is no name of an environment', source: 'GATEWAY_ENV' }]);
  const shipped = (file: string, required: boolean): ConfigFile => ({
    path: join(directory, file),
    label: `config/${file}`,
    required,
  });
  const files = [
    shipped('gateway.yaml', false),
    shipped('models.yaml', false),
    // A name that somebody chose and that has no file is a mistake in the name.
    shipped(`${name}.yaml`, Boolean(environment['GATEWAY_ENV'])),
  ];
  const extra = environment['GATEWAY_CONFIG'];
  if (extra) files.push({ path: resolve(extra), label: extra, required: true });
  return files;
}

/** A configuration that was read and found valid. */
export interface LoadedConfig {
  readonly sections: SectionInstances;
  /** Sections that differ from those in use but take effect at the next start only. */
  readonly needRestart: readonly string[];
}

/**
 * Reads, layers and validates the whole configuration: defaults < gateway.yaml < models.yaml <
 * `<GATEWAY_ENV>.yaml` < the file named by `GATEWAY_CONFIG` < environment variables. Sections that do not reload
 * are taken from `inUse` where it is given. Throws a ConfigError with every problem at once.
 */
export async function loadConfig(
  sections: readonly SectionClass<object>[],
  sources: ConfigSources = {},
  inUse?: ConfigSnapshot,
): Promise<LoadedConfig> {
  const problems: ConfigProblem[] = [];
  const report = (problem: ConfigProblem): void => void problems.push(problem);
  const tree = await readTree(sections, sources, report);
  reportUnknownKeys(sections, tree.root, report);
  const instances = new Map<SectionClass<object>, object>();
  const needRestart: string[] = [];
  for (const section of sections) {
    const path = section.topLevel === true ? '' : section.section;
    let instance = bindSection(section, rawOf(section, tree.root, report), path, report);
    if (inUse !== undefined && section.reloadable === false) {
      const used = inUse.get(section);
      if (!isDeepStrictEqual(used, instance)) needRestart.push(section.section);
      instance = used;
    }
    instances.set(section, instance);
  }
  checkNames(sections, instances, problems);
  if (problems.length === 0) return { sections: instances, needRestart };
  throw new ConfigError(
    problems.map((problem) => {
      const source = problem.source ?? tree.originOf(problem.path);
      return source === undefined ? problem : { ...problem, source };
    }),
  );
}

async function readTree(
  sections: readonly SectionClass<object>[],
  sources: ConfigSources,
  report: Report,
): Promise<ConfigTree> {
  const tree = new ConfigTree();
  if (sources.defaults !== undefined) tree.overlay({ value: sources.defaults, origins: new Map() });
  for (const file of configFiles(sources)) {
    const text = await readText(file, report);
    const layer = text === undefined ? undefined : parseYamlLayer(text, file.label, report);
    if (layer !== undefined) tree.overlay(layer);
  }
  applyEnvironment(tree, sections, sources.environment ?? process.env, report);
  return tree;
}

/** Lets each section look at names across sections. */
function checkNames(
  sections: readonly SectionClass<object>[],
  instances: SectionInstances,
  problems: ConfigProblem[],
): void {
  const snapshot = snapshotOf(0, instances);
  const alreadyWrong = problems.length > 0;
  for (const section of sections)
    try {
      problems.push(...(section.check?.(snapshot) ?? []));
    } catch (thrown) {
      // What is already known to be wrong may be too broken to be checked for names.
      if (!alreadyWrong) throw thrown;
    }
}

async function readText(file: ConfigFile, report: Report): Promise<string | undefined> {
  try {
    return await readFile(file.path, 'utf8');
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code ?? 'unknown error';
    if (code !== 'ENOENT' || file.required)
      report({ path: '', message: `the file cannot be read (${code})`, source: file.label });
    return undefined;
  }
}

function reportUnknownKeys(
  sections: readonly SectionClass<object>[],
  root: Readonly<RawMap>,
  report: Report,
): void {
  const known = new Set(
    sections.flatMap((section) =>
      section.topLevel === true ? [...fieldsOf(section).keys()] : [section.section],
    ),
  );
  for (const key of Object.keys(root))
    if (!known.has(key)) report({ path: key, message: `unknown section${suggestion(key, known)}` });
}

function rawOf(section: SectionClass<object>, root: Readonly<RawMap>, report: Report): Readonly<RawMap> {
  if (section.topLevel === true) {
    const own = [...fieldsOf(section).keys()].filter((name) => name in root);
    return Object.fromEntries(own.map((name) => [name, root[name]]));
  }
  const raw = root[section.section] ?? emptyMap();
  if (isRawMap(raw)) return raw;
  report({ path: section.section, message: 'must be a mapping of fields' });
  return emptyMap();
}
