import type {
  Candidate,
  GenerateContentRequest,
  GenerateContentResponse,
  GenerationConfig,
  Part,
} from '../core/gemini-wire.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import { functionCalls } from './function-calls.js';
import { type EmulatedModel, findModel } from './models.js';
import { firstTokens, type Prompt, readPrompt, tokensOf } from './prompt.js';
import { hashText, Random } from './random.js';
import { randomDocument } from './random-document.js';
import { signCall, signText } from './signatures.js';
import { thinkingOf } from './thinking.js';
import { type Api, usageMetadata } from './usage.js';

/** What shapes an answer beside model and request. */
export interface AnswerOptions {
  /** Answers are the same for the same seed and request. 0 by default. */
  readonly seed?: number;
  readonly api?: Api;
  /** The request as already read. */
  readonly prompt?: Prompt;
  /** Tokens of the cached content that the request names. */
  readonly cachedTokens?: number;
  /** The text to answer with, in place of the echo. */
  readonly text?: string;
}

const SENTENCES = [
  'The emulator heard it and answers in kind.',
  'Nothing was computed, and yet here is an answer.',
  'These words are the same for the same question.',
  'A real model would have more to say about it.',
];
const ECHO_CHARACTERS = 200;
const IMAGE_TOKENS = 1290;
/** Pages that a search puts before the model. */
const SEARCH_TOKENS = 120;
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const REQUEST_FIELDS: ReadonlySet<string> = new Set(
  (
    'model contents systemInstruction system_instruction tools toolConfig tool_config safetySettings ' +
    'safety_settings generationConfig generation_config cachedContent cached_content serviceTier service_tier ' +
    'store continuationToken labels routingConfig modelArmorConfig'
  ).split(' '),
);

/**
 * A whole answer: an echo of the last user text, a JSON document when a schema asks for one, or function calls;
 * with Google's counts, finish reasons and thought signatures. The same for the same seed, model and request.
 * Top-level request fields that Google does not have come back under `unknownFieldsSeen`.
 */
export function answer(
  model: string,
  request: GenerateContentRequest,
  options: AnswerOptions = {},
): GenerateContentResponse {
  const seed = options.seed ?? 0;
  const api = options.api ?? 'developer';
  const prompt = options.prompt ?? readPrompt(request);
  const known = findModel(model);
  const config = request.generationConfig ?? {};
  const limit = Math.min(config.maxOutputTokens ?? Infinity, known?.outputTokenLimit ?? 65_536);
  const thinking = thinkingOf(known, config, prompt.hash, limit);
  const writer = new Writer(known, request, config, prompt, seed, limit - thinking.tokens, options.text);
  const candidates: Candidate[] = [];
  for (let index = 0; index < (config.candidateCount ?? 1); index++) {
    const candidate = writer.candidate(index);
    if (thinking.summary !== undefined)
      candidate.content?.parts?.unshift({ text: thinking.summary, thought: true });
    candidates.push(candidate);
  }
  const output = {
    text: writer.textTokens,
    image: writer.imageTokens,
    thoughts: thinking.tokens,
    toolUse: writer.searches ? SEARCH_TOKENS : 0,
    cached: options.cachedTokens ?? 0,
  };
  const tier = typeof request.serviceTier === 'string' ? request.serviceTier : undefined;
  const response: GenerateContentResponse = {
    candidates,
    usageMetadata: usageMetadata(prompt, output, api, tier),
    modelVersion: model,
    responseId: `emu-${prompt.hash.toString(36)}-${hashText(model, seed).toString(36)}`,
  };
  const unknown = unknownFields(request);
  if (unknown !== undefined) response.unknownFieldsSeen = unknown;
  return response;
}

function unknownFields(request: GenerateContentRequest): JsonObject | undefined {
  let unknown: JsonObject | undefined;
  for (const field in request) if (!REQUEST_FIELDS.has(field)) (unknown ??= {})[field] = request[field];
  return unknown;
}

/** Writes the candidates of one answer and keeps count of what they cost. */
class Writer {
  textTokens = 0;
  imageTokens = 0;
  readonly searches: boolean;

  constructor(
    private readonly model: EmulatedModel | undefined,
    private readonly request: GenerateContentRequest,
    private readonly config: GenerationConfig,
    private readonly prompt: Prompt,
    private readonly seed: number,
    private readonly budgetTokens: number,
    private readonly fixedText: string | undefined,
  ) {
    this.searches = request.tools?.some((tool) => 'googleSearch' in tool || 'google_search' in tool) === true;
  }

  candidate(index: number): Candidate {
    const calls =
      this.request.tools === undefined || this.fixedText !== undefined
        ? []
        : functionCalls(this.request, this.prompt, this.seed + index);
    if (calls.length > 0) return this.calling(calls, index);
    const whole = this.text(index);
    const text = whole.length > this.budgetTokens * 4 ? firstTokens(whole, this.budgetTokens) : whole;
    this.textTokens += tokensOf(text.length);
    const parts: Part[] = [{ text }];
    if (this.wantsImage()) {
      parts.push({ inlineData: { mimeType: 'image/png', data: PIXEL } });
      this.imageTokens += IMAGE_TOKENS;
    }
    const last = parts.at(-1);
    if (this.model?.signs === true && last !== undefined)
      last.thoughtSignature = signText(this.seed, this.model.family, this.prompt.hash);
    return {
      content: { parts, role: 'model' },
      finishReason: text.length < whole.length ? 'MAX_TOKENS' : 'STOP',
      index,
      ...(this.searches ? { groundingMetadata: grounding(this.prompt.text) } : {}),
    };
  }

  private calling(calls: ReturnType<typeof functionCalls>, index: number): Candidate {
    const signs = this.model?.signs === true ? this.model.family : undefined;
    const parts = calls.map((call, position): Part => {
      this.textTokens += tokensOf(JSON.stringify(call).length);
      if (signs === undefined) return { functionCall: call };
      const functionCall = { id: `call-${this.prompt.hash.toString(36)}-${position}`, ...call };
      return position === 0
        ? { functionCall, thoughtSignature: signCall(this.seed, signs, call) }
        : { functionCall };
    });
    return { content: { parts, role: 'model' }, finishReason: 'STOP', index };
  }

  private text(index: number): string {
    if (this.fixedText !== undefined) return this.fixedText;
    const type = this.config.responseMimeType;
    if (type === 'application/json' || type === 'text/x.enum') return this.document(index, type);
    const spoken = this.prompt.text.slice(0, ECHO_CHARACTERS);
    const sentence = SENTENCES[(this.prompt.hash + this.seed + index) % SENTENCES.length] ?? '';
    const text = this.prompt.answersFunctionCall
      ? `The function answered. ${sentence}`
      : `You said: "${spoken}". ${sentence}`;
    return stopped(text, this.config.stopSequences);
  }

  private document(index: number, type: string): string {
    const schema = this.config.responseJsonSchema ?? this.config.responseSchema;
    const random = new Random(this.prompt.hash + this.seed + index);
    const made = isJsonObject(schema)
      ? randomDocument(schema, random)
      : { answer: this.prompt.text.slice(0, ECHO_CHARACTERS) };
    return type === 'text/x.enum' && typeof made === 'string' ? made : JSON.stringify(made);
  }

  private wantsImage(): boolean {
    const asked = this.config.responseModalities;
    return this.model?.makesImages === true && (asked === undefined || asked.includes('IMAGE'));
  }
}

function stopped(text: string, sequences: string[] | undefined): string {
  let end = text.length;
  for (const sequence of sequences ?? []) {
    const found = text.indexOf(sequence);
    if (found >= 0 && found < end) end = found;
  }
  return text.slice(0, end);
}

function grounding(query: string): JsonObject {
  return {
    webSearchQueries: [query.slice(0, 80)],
    groundingChunks: [{ web: { uri: 'https://example.com/', title: 'example.com' } }],
  };
}
