import { GatewayError } from '../core/gateway-error.js';
import type { Content } from '../core/gemini-wire.js';
import type { Head } from '../core/generation.js';
import type { JsonObject, JsonValue } from '../core/json.js';
import { NO_USAGE, type Usage } from '../core/usage.js';
import { MAX_SCHEMA_ERRORS, type SchemaError } from './compiled-schema.js';

/** Longest part of an answer that is shown to its caller, and to the model that gave it. */
const MAX_SHOWN_LENGTH = 4_000;
const MAX_QUOTED_LENGTH = 100_000;

/** An answer that does not follow its schema. */
export interface Mismatch {
  readonly head: Head;
  readonly errors: readonly SchemaError[];
  /** Its visible text, as far as it came. */
  readonly text: string;
  /** What the model said, thoughts apart; the text where it did not come to its end. */
  readonly content?: Content;
  readonly usage: Usage | undefined;
  /** Whether it was cut at its longest allowed length: another would be, too. */
  readonly truncated: boolean;
}

/** SCHEMA_MISMATCH with what is wrong (`errors`) and the text, shortened; neither is logged. */
export function mismatchError({ errors, text, usage }: Mismatch): GatewayError {
  const places = errors.length === 1 ? 'one place' : `${errors.length} places`;
  return new GatewayError('SCHEMA_MISMATCH', `The answer does not follow the schema in ${places}.`, {
    details: {
      errors: errors
        .slice(0, MAX_SCHEMA_ERRORS)
        .map(({ path, message, keyword }) => ({ path, message, keyword })),
      text: text.slice(0, MAX_SHOWN_LENGTH).toWellFormed(),
    },
    ...(usage === undefined ? {} : { usage }),
  });
}

/** The request with the wrong answer and what is wrong with it: a further turn of the conversation. */
export function askedAgain(request: Readonly<JsonObject>, mismatch: Mismatch): JsonObject {
  const { contents } = request;
  const before = Array.isArray(contents) ? contents : [];
  return {
    ...request,
    contents: [
      ...before,
      saidBefore(mismatch),
      { role: 'user', parts: [{ text: correction(mismatch.errors) }] },
    ],
  };
}

function saidBefore({ content, text }: Mismatch): JsonValue {
  const parts = content?.parts?.filter(({ thought }) => thought !== true) ?? [];
  if (parts.length > 0 && text.length <= MAX_QUOTED_LENGTH) return { ...content, role: 'model', parts };
  return { role: 'model', parts: [{ text: text.slice(0, MAX_QUOTED_LENGTH).toWellFormed() || '(nothing)' }] };
}

function correction(errors: readonly SchemaError[]): string {
  const lines = errors.map(({ path, message }) => `- ${path === '' ? 'The document' : path} ${message}`);
  return [
    'This answer does not follow the JSON schema that it must follow:',
    ...lines,
    'Answer again with one JSON document that follows the schema, and nothing else.',
  ].join('\n');
}

/** Tokens that a wrong answer used. */
export function usageOf({ usage }: Mismatch): Usage {
  return usage ?? NO_USAGE;
}
