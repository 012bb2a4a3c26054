import { Ajv, type AnySchema, type ErrorObject, type Options } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';
import type { JsonValue } from '../core/json.js';
import type { SchemaDialect } from './bounded-schema.js';
import type { SchemaError, SchemaVerdict } from './compiled-schema.js';

/** Why a schema is none. */
export interface Unsound {
  readonly message: string;
  /** JSON pointer within the schema. */
  readonly path: string;
}

/** How a validator is made. */
export interface ValidatorTerms {
  readonly dialect: SchemaDialect;
  /** The schema, as JSON. */
  readonly text: string;
  /** Whether all that is wrong is found, or the first thing only. */
  readonly allErrors: boolean;
  /** Most errors that a verdict gives. */
  readonly maxErrors: number;
}

/** Decides whether a value fits a schema. */
export type Validator = (value: JsonValue) => SchemaVerdict;

const OPTIONS = {
  strict: false,
  ownProperties: true,
  logger: false,
  validateFormats: false,
  // A validator is made for one schema only, so that no `$id` of one caller is another's to refer to.
  validateSchema: false,
  code: { regExp: Object.assign(linearPattern, { code: 'linearPattern' }) },
} as const satisfies Options;

const CLASSES = { 'draft2020-12': Ajv2020, draft7: Ajv } as const;
const judges = new Map<SchemaDialect, InstanceType<(typeof CLASSES)[SchemaDialect]>>();

/** Why a schema breaks the rules of its dialect, or undefined. */
export function unsoundness(dialect: SchemaDialect, schema: JsonValue): Unsound | undefined {
  let judge = judges.get(dialect);
  if (judge === undefined) {
    judge = new CLASSES[dialect](OPTIONS);
    judges.set(dialect, judge);
  }
  const fits: unknown = judge.validate(META[dialect], schema);
  if (fits === true) return undefined;
  const [error] = judge.errors ?? [];
  return {
    message: error === undefined ? 'it is no JSON Schema' : wordsFor(error),
    path: error?.instancePath ?? '',
  };
}

const META = {
  'draft2020-12': 'https://json-schema.org/draft/2020-12/schema',
  draft7: 'http://json-schema.org/draft-07/schema',
} as const satisfies Record<SchemaDialect, string>;

/**
 * Makes a validator. Throws what Ajv throws where the schema cannot be compiled: references to what is not in it,
 * patterns that RE2 does not take. Patterns take time linear in the text that they look at.
 */
export function makeValidator({ dialect, text, allErrors, maxErrors }: ValidatorTerms): Validator {
  // The rules of the dialects are compiled for those few who refer to them.
  const meta = text.includes('json-schema.org/draft');
  const ajv = new CLASSES[dialect]({ ...OPTIONS, allErrors, meta });
  const validate = ajv.compile<JsonValue>(JSON.parse(text) as AnySchema);
  return (value) => {
    if (validate(value)) return { valid: true };
    const errors = (validate.errors ?? []).slice(0, maxErrors).map(schemaError);
    // Ajv keeps the errors of the last value, and with them the value.
    validate.errors = null;
    return { valid: false, errors };
  };
}

/** How the message begins where a pattern is refused; the pattern as JSON follows. */
export const PATTERN_REFUSED = 'RE2 does not take the pattern';

/** A pattern of the dialect of ECMA 262, run by RE2. Throws for what RE2 cannot do in linear time. */
function linearPattern(pattern: string): { test(text: string): boolean } {
  const compiled = compiledPattern(pattern);
  // Ajv takes patterns with the same text for the same pattern.
  return Object.assign(
    { test: (text: string) => compiled.matcher(text).find() },
    { toString: () => `/${pattern}/` },
  );
}

function compiledPattern(pattern: string): RE2JS {
  try {
    return RE2JS.compile(RE2JS.translateRegExp(pattern));
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Error(`${PATTERN_REFUSED} ${JSON.stringify(pattern)} (${why})`, { cause: thrown });
  }
}

function schemaError(error: ErrorObject): SchemaError {
  return { path: error.instancePath, message: wordsFor(error), keyword: error.keyword };
}

function wordsFor({ keyword, message, params }: ErrorObject): string {
  const words = message ?? `does not fit ${keyword}`;
  const { additionalProperty, unevaluatedProperty, allowedValues, allowedValue } = params as Record<
    string,
    unknown
  >;
  const name = additionalProperty ?? unevaluatedProperty;
  if (typeof name === 'string') return `${words}: ${shortened(JSON.stringify(name))}`;
  if (allowedValues !== undefined) return `${words}: ${shortened(JSON.stringify(allowedValues))}`;
  return allowedValue === undefined ? words : `${words}: ${shortened(JSON.stringify(allowedValue))}`;
}

function shortened(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}...`;
}
