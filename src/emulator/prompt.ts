import type { Content, GenerateContentRequest, ModalityTokenCount, Part } from '../core/gemini-wire.js';
import type { JsonObject, JsonValue } from '../core/json.js';
import { hashText } from './random.js';

/** What one look at a request finds. */
export interface Prompt {
  /** Text of the last content that is not the model's; empty when it has none. */
  readonly text: string;
  /** Input tokens without cached content: a quarter of the characters, and fixed rates for media. */
  readonly tokens: number;
  readonly details: ModalityTokenCount[];
  /** The same for the same contents and system instruction. */
  readonly hash: number;
  /** Fields of parts that Google's Part does not have. */
  readonly unknownPartFields: JsonObject | undefined;
  /** Whether the last content answers a function call. */
  readonly answersFunctionCall: boolean;
}

const CHARACTERS_PER_TOKEN = 4;
/** Tokens of a picture or of a document page, as Google counts the smallest ones. */
const IMAGE_TOKENS = 258;
/** Tokens of one second of sound and of film. */
const AUDIO_TOKENS_PER_SECOND = 32;
const VIDEO_TOKENS_PER_SECOND = 263;
/** Seconds are guessed from the size, at the rates of speech and of small film. */
const AUDIO_BYTES_PER_SECOND = 16_000;
const VIDEO_BYTES_PER_SECOND = 125_000;

const PART_FIELDS: ReadonlySet<string> = new Set(
  (
    'text thought thoughtSignature inlineData fileData functionCall functionResponse executableCode ' +
    'codeExecutionResult toolCall toolResponse videoMetadata mediaResolution partMetadata audioTranscription ' +
    'mediaProcessing speechMetadata'
  ).split(' '),
);

/** Tokens of that many characters. */
export function tokensOf(characters: number): number {
  return Math.ceil(characters / CHARACTERS_PER_TOKEN);
}

/** The first `tokens` tokens of a text. */
export function firstTokens(text: string, tokens: number): string {
  return text.slice(0, Math.max(0, tokens) * CHARACTERS_PER_TOKEN);
}

/** Reads everything once that metering, matching and answering need to know of a request. */
export function readPrompt(request: GenerateContentRequest): Prompt {
  const count = new Count();
  if (request.systemInstruction !== undefined) count.content(request.systemInstruction);
  if (request.tools !== undefined) count.characters += JSON.stringify(request.tools).length;
  const contents = request.contents ?? [];
  let last: Content | undefined;
  for (const content of contents) {
    count.content(content);
    last = content;
  }
  return {
    text: last === undefined || last.role === 'model' ? '' : textOf(last),
    tokens: count.tokens(),
    details: count.details(),
    hash: count.hash,
    unknownPartFields: count.unknown,
    answersFunctionCall: last?.parts?.some((part) => part.functionResponse !== undefined) === true,
  };
}

/** All text of a content that is not thinking. */
function textOf(content: Content): string {
  const parts = content.parts;
  if (parts === undefined) return '';
  const only = parts[0];
  if (parts.length === 1 && only !== undefined) return only.text ?? '';
  let text = '';
  for (const part of parts) if (part.text !== undefined && part.thought !== true) text += part.text;
  return text;
}

class Count {
  characters = 0;
  hash = 0x811c9dc5;
  unknown: JsonObject | undefined;
  private media: Map<string, number> | undefined;

  content(content: Content): void {
    if (content.parts === undefined) return;
    for (const part of content.parts) this.part(part);
  }

  tokens(): number {
    let tokens = tokensOf(this.characters);
    if (this.media !== undefined) for (const extra of this.media.values()) tokens += extra;
    return tokens;
  }

  details(): ModalityTokenCount[] {
    const text = tokensOf(this.characters);
    const details: ModalityTokenCount[] = text > 0 ? [{ modality: 'TEXT', tokenCount: text }] : [];
    if (this.media !== undefined)
      for (const [modality, tokenCount] of this.media) details.push({ modality, tokenCount });
    return details;
  }

  private part(part: Part): void {
    for (const field in part) {
      const value = part[field];
      if (field === 'text') this.text(value);
      else if (!PART_FIELDS.has(field)) (this.unknown ??= {})[field] = value;
      else this.payload(field, value);
    }
  }

  private payload(field: string, value: JsonValue | undefined): void {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    if (field === 'functionCall' || field === 'functionResponse') this.text(JSON.stringify(value));
    else if (field === 'inlineData') this.inline(value.mimeType, value.data);
    else if (field === 'fileData') this.file(value.mimeType, value.fileUri);
  }

  private text(value: JsonValue | undefined): void {
    if (typeof value !== 'string') return;
    this.characters += value.length;
    this.hash = hashText(value, this.hash);
  }

  private inline(mimeType: JsonValue | undefined, data: JsonValue | undefined): void {
    if (typeof data !== 'string') return;
    this.hash = hashText(data, this.hash);
    this.medium(mimeType, Math.floor((data.length * 3) / 4));
  }

  private file(mimeType: JsonValue | undefined, uri: JsonValue | undefined): void {
    if (typeof uri === 'string') this.hash = hashText(uri, this.hash);
    this.medium(mimeType, 0);
  }

  private medium(mimeType: JsonValue | undefined, bytes: number): void {
    const type = typeof mimeType === 'string' ? mimeType : '';
    if (type.startsWith('text/')) this.characters += bytes;
    else if (type.startsWith('audio/'))
      this.add('AUDIO', AUDIO_TOKENS_PER_SECOND * seconds(bytes, AUDIO_BYTES_PER_SECOND));
    else if (type.startsWith('video/'))
      this.add('VIDEO', VIDEO_TOKENS_PER_SECOND * seconds(bytes, VIDEO_BYTES_PER_SECOND));
    else this.add(type === 'application/pdf' ? 'DOCUMENT' : 'IMAGE', IMAGE_TOKENS);
  }

  private add(modality: string, tokens: number): void {
    this.media ??= new Map();
    this.media.set(modality, (this.media.get(modality) ?? 0) + tokens);
  }
}

function seconds(bytes: number, bytesPerSecond: number): number {
  return Math.max(1, Math.ceil(bytes / bytesPerSecond));
}
