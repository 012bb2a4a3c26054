import { isJsonObject } from '../core/json.js';
import { SCENARIO_KINDS, type ScenarioKind } from './scenario-kinds.js';
import type { ScenarioSettings } from './scenario-settings.js';

/** Which calls a scenario is for. All that is given must fit. */
export interface ScenarioMatch {
  readonly model?: string;
  readonly key?: string;
  /** Part of the last user text. */
  readonly text?: string;
  readonly project?: string;
  /** Google's method: `generateContent`, `streamGenerateContent`, `countTokens`, … */
  readonly operation?: string;
}

/** What is to happen to the calls that match. */
export interface Scenario extends ScenarioSettings {
  /** `answer` by default: the ordinary answer, at the pace and in the pieces given. */
  readonly kind?: ScenarioKind;
  readonly match?: ScenarioMatch;
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isCount: Check = (value) => Number.isInteger(value) && (value as number) >= 0;
const isPositive: Check = (value) => Number.isInteger(value) && (value as number) > 0;
const isDuration: Check = (value) => typeof value === 'number' && value >= 0;
const isTextMap: Check = (value) => isJsonObject(value) && Object.values(value).every(isText);

const MATCH_FIELDS = {
  model: isText,
  key: isText,
  text: isText,
  project: isText,
  operation: isText,
} as const satisfies Record<keyof ScenarioMatch, Check>;

const FIELDS = {
  kind: (value) => isText(value) && Object.hasOwn(SCENARIO_KINDS, value as string),
  match: (value) => isJsonObject(value) && fault(value, MATCH_FIELDS) === undefined,
  times: (value) => Number.isInteger(value) && (value as number) >= -1,
  delayMs: isDuration,
  firstChunkDelayMs: isDuration,
  chunkDelayMs: isDuration,
  chunks: isPositive,
  chunkText: isText,
  chunkSize: isPositive,
  cutAfterChunks: isCount,
  reset: (value) => typeof value === 'boolean',
  sliceBytes: isPositive,
  text: isText,
  response: isJsonObject,
  events: (value) => Array.isArray(value) && value.every(isJsonObject),
  rawBody: isText,
  status: isPositive,
  contentType: isText,
  headers: isTextMap,
  retryDelayMs: isDuration,
  tier: (value) => value === 'free' || value === 'paid' || value === 'paid-tier-2',
} as const satisfies Record<keyof Scenario, Check>;

/** Thrown for a scenario that cannot be played; the message says what is wrong and what there is. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError';
}

/** The scenario in a JSON value. Throws ScenarioError. */
export function scenarioFrom(value: unknown): Scenario {
  if (!isJsonObject(value)) throw new ScenarioError('A scenario is a JSON object.');
  const wrong = fault(value, FIELDS);
  if (wrong === undefined) return value;
  if (wrong === 'kind')
    throw new ScenarioError(
      `Unknown scenario kind ${JSON.stringify(value.kind)}. Kinds: ${Object.keys(SCENARIO_KINDS).join(', ')}.`,
    );
  const known = wrong in FIELDS ? 'Bad value of' : 'Unknown';
  throw new ScenarioError(
    `${known} scenario field "${wrong}". Fields: ${Object.keys(FIELDS).join(', ')}; ` +
      `in match: ${Object.keys(MATCH_FIELDS).join(', ')}. Kinds: ${Object.keys(SCENARIO_KINDS).join(', ')}.`,
  );
}

/** The first field that is unknown or does not pass its check. */
function fault(value: object, checks: Readonly<Record<string, Check>>): string | undefined {
  return Object.entries(value).find(([field, content]) => checks[field]?.(content) !== true)?.[0];
}
