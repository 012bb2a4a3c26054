import type { JsonObject, JsonValue } from '../core/json.js';
import { InvalidChatRequest } from './openai-request.js';

/** The answer to `POST /embeddings`. */
export interface EmbeddingsAnswer {
  readonly object: 'list';
  readonly model: JsonValue | undefined;
  readonly data: readonly object[];
  readonly usage: { readonly prompt_tokens: number; readonly total_tokens: number };
}

const DEFAULT_DIMENSIONS = 1536;
const CHARACTERS_PER_TOKEN = 4;

/**
 * Embeds one text or several, each given as text or as token ids; as numbers or, with `encoding_format: base64`,
 * as little-endian 32-bit floats. Throws InvalidChatRequest.
 */
export function embeddingsAnswer(
  body: JsonObject,
  embed: (text: string, dimensions: number) => number[],
): EmbeddingsAnswer {
  const dimensions = typeof body['dimensions'] === 'number' ? body['dimensions'] : DEFAULT_DIMENSIONS;
  const inputs = inputsOf(body['input']);
  const tokens = inputs.reduce((sum, input) => sum + input.tokens, 0);
  return {
    object: 'list',
    model: body['model'],
    data: inputs.map((input, index) => {
      const values = embed(input.text, dimensions);
      const embedding = body['encoding_format'] === 'base64' ? packed(values) : values;
      return { object: 'embedding', index, embedding };
    }),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

interface Input {
  readonly text: string;
  readonly tokens: number;
}

function inputsOf(input: JsonValue | undefined): Input[] {
  if (typeof input === 'string' && input !== '') return [textInput(input)];
  if (Array.isArray(input) && input.length > 0) {
    if (input.every((item) => typeof item === 'number')) return [tokenInput(input)];
    return input.map((item) => {
      if (typeof item === 'string' && item !== '') return textInput(item);
      if (Array.isArray(item) && item.length > 0) return tokenInput(item);
      throw new InvalidChatRequest("Invalid value for 'input'.", 'input');
    });
  }
  throw new InvalidChatRequest("Missing required parameter: 'input'.", 'input');
}

function textInput(text: string): Input {
  return { text, tokens: Math.ceil(text.length / CHARACTERS_PER_TOKEN) };
}

function tokenInput(ids: readonly JsonValue[]): Input {
  return { text: JSON.stringify(ids), tokens: ids.length };
}

function packed(values: readonly number[]): string {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString('base64');
}
