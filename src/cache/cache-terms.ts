import type { CacheDirectives, Call } from '../core/call.js';
import type { ConfigSnapshot } from '../core/config-snapshot.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { type GenerationDefaults, withDefaults } from '../routing/generation-defaults.js';
import { ModelsConfig } from '../routing/models.config.js';
import { RoutingConfig } from '../routing/routing.config.js';
import { TaskCacheConfig } from '../routing/task-cache.config.js';
import type { TaskConfig } from '../routing/tasks.config.js';
import { cacheKey } from './cache-key.js';
import { canonical } from './canonical.js';
import type { StoreRules } from './storable.js';
import type { AnswerLabels, StoredAnswer } from './stored-answer.js';

/** The schema that a call names, as its configuration has it; undefined where it names none that there is. */
export type SchemaOf = (call: Call) => JsonValue | undefined;

/** How the cache is to be used for a call. */
export interface CacheTerms extends StoreRules {
  readonly key: string;
  readonly directives: CacheDirectives;
  readonly lasting: Pick<StoredAnswer, 'ttlMs' | 'staleWhileRevalidateMs' | 'staleIfErrorMs'>;
  readonly labels: AnswerLabels;
  /** How long another replica's answer is waited for; undefined where it is not. */
  readonly replicaWaitMs: number | undefined;
}

/** What calls that ask for the same task and model have in common under one configuration. */
interface Asked {
  readonly task: TaskConfig | undefined;
  readonly models: ReadonlySet<string>;
  /** Of the models that may answer. */
  readonly defaults: readonly GenerationDefaults[];
  /** Text that stands for whatever of the configuration has a say in the answer. */
  readonly configured: string;
}

const asked = new WeakMap<ConfigSnapshot, Map<string, Asked>>();
const NO_DIRECTIVES: CacheDirectives = {};

/**
 * The terms of a call; undefined for one of which nobody wants answers kept, `bypass` for one that would have, but whose
 * answer may not be stored and does not want a stored one.
 */
export function cacheTermsOf(
  call: Call,
  longestCallerTtlMs: number,
  schemaOf: SchemaOf,
): CacheTerms | 'bypass' | undefined {
  const directives = call.cache ?? NO_DIRECTIVES;
  const about = askedBy(call);
  if (about === undefined) return undefined;
  const settings = about.task?.cache ?? (directives.ttlMs === undefined ? undefined : OF_CALLS);
  if (settings === undefined) return undefined;
  if (directives.noStore === true && directives.forceRefresh === true) return 'bypass';
  const { defaults } = about;
  const request = withDefaults(
    call.request,
    about.task?.generation,
    defaults.length === 1 ? defaults[0] : undefined,
  );
  if (call.operation === 'generate' && !settings.anyTemperature && !isAtZero(request, defaults))
    return 'bypass';
  const { ttlMs, scope, staleIfErrorMs, staleWhileRevalidateMs, toolCalls, replicaWaitMs } = settings;
  const { tags } = call.metadata;
  return {
    key: cacheKey(call, { scope, request, configured: about.configured, schema: schemaOf(call) }),
    directives,
    replicaWaitMs,
    models: about.models,
    toolCalls,
    lasting: {
      ttlMs:
        directives.ttlMs === undefined
          ? ttlMs
          : Math.min(directives.ttlMs, Math.max(ttlMs, longestCallerTtlMs)),
      staleWhileRevalidateMs,
      staleIfErrorMs,
    },
    labels: {
      tenant: call.principal.tenant,
      ...(call.task === undefined ? {} : { task: call.task }),
      ...(call.prompt === undefined ? {} : { prompt: call.prompt }),
      ...(tags === undefined ? {} : { tags }),
    },
  };
}

/** Settings for calls that want their answers kept where no task says so. */
const OF_CALLS: TaskCacheConfig = Object.assign(new TaskCacheConfig(), { ttlMs: 0 });

function isAtZero(request: Readonly<JsonObject>, defaults: readonly GenerationDefaults[]): boolean {
  const { generationConfig } = request;
  const temperature = isJsonObject(generationConfig) ? generationConfig['temperature'] : undefined;
  if (temperature !== undefined) return temperature === 0;
  return defaults.length > 0 && defaults.every((model) => model.temperature === 0);
}

/** Undefined for names that match nothing: they are the caller's text, and nobody answers them. */
function askedBy({ config, task: name, model }: Call): Asked | undefined {
  const known = asked.get(config) ?? new Map<string, Asked>();
  asked.set(config, known);
  const both = `${name ?? ''}\n${model ?? ''}`;
  const present = known.get(both);
  if (present !== undefined) return present;
  const { tasks } = config.get(RoutingConfig);
  const { models } = config.get(ModelsConfig);
  if (name !== undefined && !Object.hasOwn(tasks, name)) return undefined;
  if (model !== undefined && !Object.hasOwn(models, model)) return undefined;
  const task = name === undefined ? undefined : tasks[name];
  const ids = model === undefined ? modelsOf(task) : [model];
  const defaults = ids.map((id) => models[id]?.generation ?? {});
  const { generation, residency, fallback, split, structured } = task ?? {};
  const configured = canonical(
    JSON.parse(
      JSON.stringify([name ?? null, { generation, residency, fallback, split, structured }, ids, defaults]),
    ),
  );
  const made: Asked = { task, models: new Set(ids), defaults, configured };
  known.set(both, made);
  return made;
}

/** Every model whose answer is one that the task asks for. */
function modelsOf(task: TaskConfig | undefined): readonly string[] {
  if (task === undefined) return [];
  return [...new Set([...task.models, ...(task.split?.shares ?? []).map(({ model }) => model)])];
}
