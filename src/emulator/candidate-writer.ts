import type { Candidate, GenerateContentRequest, GenerationConfig, Part } from '../core/gemini-wire.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import { functionCalls } from './function-calls.js';
import type { EmulatedModel } from './models.js';
import { continuationTokenAt, type OutputBudget } from './output-budget.js';
import { firstTokens, type Prompt, tokensOf } from './prompt.js';
import { Random } from './random.js';
import { randomDocument } from './random-document.js';
import { signCall, signText } from './signatures.js';

/** What the candidates of one answer are made from. */
export interface WritingTask {
  /** Undefined for models that the emulator does not know. */
  readonly model: EmulatedModel | undefined;
  readonly request: GenerateContentRequest;
  readonly prompt: Prompt;
  readonly seed: number;
  readonly budget: OutputBudget;
  /** In place of the echo. */
  readonly fixedText: string | undefined;
}

const SENTENCES = [
  'The emulator heard it and answers in kind.',
  'Nothing was computed, and yet here is an answer.',
  'These words are the same for the same question.',
  'A real model would have more to say about it.',
];
const ECHO_CHARACTERS = 200;
const IMAGE_TOKENS = 1290;
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** Writes the candidates of one answer and keeps count of what they cost. */
export class CandidateWriter {
  /** Spent so far. */
  textTokens = 0;
  imageTokens = 0;
  /** Whether the answer rests on a search. */
  readonly searches: boolean;
  private readonly config: GenerationConfig;

  constructor(private readonly task: WritingTask) {
    const { request } = task;
    this.config = request.generationConfig ?? {};
    this.searches = request.tools?.some((tool) => 'googleSearch' in tool) === true;
  }

  /** The candidate with that index. */
  candidate(index: number): Candidate {
    const { budget, model, prompt, seed, request, fixedText } = this.task;
    const calls = fixedText === undefined ? functionCalls(request, prompt, seed + index) : [];
    if (calls.length > 0) return this.calling(calls, index);
    const whole = this.text(index).slice(budget.skippedCharacters);
    const text = firstTokens(whole, budget.tokens);
    this.textTokens += tokensOf(text.length);
    const parts: Part[] = [{ text }];
    if (this.wantsImage()) {
      parts.push({ inlineData: { mimeType: 'image/png', data: PIXEL } });
      this.imageTokens += IMAGE_TOKENS;
    }
    const last = parts.at(-1);
    if (model?.signs === true && last !== undefined)
      last.thoughtSignature = signText(seed, model.family, prompt.hash);
    return {
      content: { parts, role: 'model' },
      ...ending(budget, text.length, whole.length),
      index,
      ...(this.searches ? { groundingMetadata: grounding(prompt.text) } : {}),
    };
  }

  private calling(calls: ReturnType<typeof functionCalls>, index: number): Candidate {
    const { model, prompt, seed } = this.task;
    const parts = calls.map((call, position): Part => {
      this.textTokens += tokensOf(JSON.stringify(call).length);
      if (model?.signs !== true) return { functionCall: call };
      const functionCall = { id: `call-${prompt.hash.toString(36)}-${position}`, ...call };
      return position === 0
        ? { functionCall, thoughtSignature: signCall(seed, model.family, call) }
        : { functionCall };
    });
    return { content: { parts, role: 'model' }, finishReason: 'STOP', index };
  }

  private text(index: number): string {
    const { fixedText, prompt, seed } = this.task;
    if (fixedText !== undefined) return fixedText;
    const type = this.config.responseMimeType;
    if (type === 'application/json' || type === 'text/x.enum') return this.document(index, type);
    const spoken = prompt.text.slice(0, ECHO_CHARACTERS).toWellFormed();
    const sentence = SENTENCES[(prompt.hash + seed + index) % SENTENCES.length] ?? '';
    const text = prompt.answersFunctionCall
      ? `The function answered. ${sentence}`
      : `You said: "${spoken}". ${sentence}`;
    return stopped(text, this.config.stopSequences);
  }

  private document(index: number, type: string): string {
    const schema = this.config.responseJsonSchema ?? this.config.responseSchema;
    const { prompt, seed } = this.task;
    const made = isJsonObject(schema)
      ? randomDocument(schema, new Random(prompt.hash + seed + index))
      : { answer: prompt.text.slice(0, ECHO_CHARACTERS) };
    return type === 'text/x.enum' && typeof made === 'string' ? made : JSON.stringify(made);
  }

  private wantsImage(): boolean {
    const asked = this.config.responseModalities;
    return this.task.model?.makesImages === true && (asked === undefined || asked.includes('IMAGE'));
  }
}

function ending(budget: OutputBudget, written: number, wanted: number): Candidate {
  if (written >= wanted) return { finishReason: 'STOP' };
  if (!budget.continues) return { finishReason: 'MAX_TOKENS' };
  const continuationToken = continuationTokenAt(budget.skippedCharacters + written);
  return { finishReason: 'CONTINUATION', continuationToken };
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
