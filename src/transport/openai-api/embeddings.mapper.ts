import type { Collected } from '../../core/combinators.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';
import { googleFieldsOf } from './google-fields.mapper.js';
import {
  assertFields,
  type FieldRules,
  integerAt,
  invalid,
  listAt,
  mapped,
  present,
  someTextAt,
  unsupported,
  wordAt,
} from '../shared/request-fields.js';

/** Google takes no more texts in one request. */
const MAX_INPUTS = 100;
const MAX_DIMENSIONS = 65_536;

/** Every field of an embedding request: OpenAI's, and what the gateway takes on every route of this surface. */
export const EMBEDDING_FIELDS: FieldRules = new Map([
  ...mapped('input', 'model', 'dimensions', 'encoding_format', 'user'),
  ...mapped('google', 'extra_body', 'metadata', 'safety_identifier'),
]);

/** One embedding request of Gemini's for each text. Throws INVALID_REQUEST that names the field. */
export function toEmbedRequest(body: JsonObject): JsonObject {
  assertFields(body, EMBEDDING_FIELDS);
  encodingOf(body);
  const given = present(body['dimensions']);
  const dimensions = given === undefined ? undefined : integerAt(given, 'dimensions', 1, MAX_DIMENSIONS);
  const google = googleFieldsOf(body)?.fields;
  return {
    requests: textsOf(body['input']).map((text) => ({
      content: { parts: [{ text }] },
      ...(dimensions === undefined ? {} : { outputDimensionality: dimensions }),
      ...google,
    })),
  };
}

/** How the vectors are to be written. */
export function encodingOf(body: JsonObject): 'float' | 'base64' {
  const given = present(body['encoding_format']);
  return given === undefined ? 'float' : wordAt(given, 'encoding_format', ['float', 'base64'] as const);
}

/** The vectors of an answer, as a document of OpenAI's. */
export function embeddingList(
  { chunks, finish }: Collected,
  model: string,
  encoding: 'float' | 'base64',
): JsonObject {
  const embeddings = chunks[0]?.value['embeddings'];
  const vectors = Array.isArray(embeddings) ? embeddings : [];
  const tokens = finish.usage.totalTokens;
  return {
    object: 'list',
    data: vectors.map((one, index) => {
      const values = isJsonObject(one) && Array.isArray(one['values']) ? one['values'] : [];
      return { object: 'embedding', index, embedding: encoding === 'base64' ? inBase64(values) : values };
    }),
    model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

/** 32-bit floats, little-endian, as OpenAI's clients read them. */
function inBase64(values: readonly JsonValue[]): string {
  const bytes = Buffer.alloc(values.length * 4);
  for (let at = 0; at < values.length; at += 1) bytes.writeFloatLE(Number(values[at]), at * 4);
  return bytes.toString('base64');
}

function textsOf(input: JsonValue | undefined): string[] {
  if (typeof input === 'string') return [someTextAt(input, 'input')];
  const items = listAt(input, 'input');
  if (items.length === 0) throw invalid('input', 'must not be empty');
  if (typeof items[0] === 'number' || Array.isArray(items[0]))
    throw unsupported('input', 'the tokens of other models mean nothing here; send texts');
  if (items.length > MAX_INPUTS) throw invalid('input', `must hold at most ${MAX_INPUTS} texts`);
  return items.map((item, index) => someTextAt(item, `input[${index}]`));
}
