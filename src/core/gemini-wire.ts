import type { JsonObject } from './json.js';

/**
 * Gemini's own JSON shapes, as far as the gateway reads them. Every type is open: fields that are not named
 * here travel along unread. Source: google.ai.generativelanguage.v1beta protos, camelCase JSON form.
 */

/** Bytes within a message; `data` is base64. */
export interface InlineData extends JsonObject {
  mimeType?: string;
  data?: string;
}

/** A file by its URI: Files API, Cloud Storage or HTTPS. */
export interface FileData extends JsonObject {
  mimeType?: string;
  fileUri?: string;
}

/** A tool call made by the model. `id` is optional on the wire. */
export interface FunctionCall extends JsonObject {
  id?: string;
  name?: string;
  args?: JsonObject;
}

/** One piece of a message. At most one of the payload fields is set. */
export interface Part extends JsonObject {
  text?: string;
  /** True where the text is the model's thinking, not its answer. */
  thought?: boolean;
  /** Opaque; must return unchanged in the same part on the next turn (Gemini 3 and newer). */
  thoughtSignature?: string;
  inlineData?: InlineData;
  fileData?: FileData;
  functionCall?: FunctionCall;
  functionResponse?: JsonObject;
}

/** One message of a conversation. */
export interface Content extends JsonObject {
  role?: string;
  parts?: Part[];
}

/** Settings of one generation. */
export interface GenerationConfig extends JsonObject {
  temperature?: number;
  topP?: number;
  topK?: number;
  maxOutputTokens?: number;
  candidateCount?: number;
  stopSequences?: string[];
  responseMimeType?: string;
  responseSchema?: JsonObject;
  responseJsonSchema?: JsonObject;
  responseModalities?: string[];
  thinkingConfig?: JsonObject;
}

/** Body of generateContent and streamGenerateContent. */
export interface GenerateContentRequest extends JsonObject {
  contents?: Content[];
  systemInstruction?: Content;
  tools?: JsonObject[];
  toolConfig?: JsonObject;
  safetySettings?: JsonObject[];
  cachedContent?: string;
  generationConfig?: GenerationConfig;
}

/** Tokens of one modality (`TEXT`, `IMAGE`, `AUDIO`, `VIDEO`, `DOCUMENT`). */
export interface ModalityTokenCount extends JsonObject {
  modality?: string;
  tokenCount?: number;
}

/**
 * Token counts of an answer. In a stream each chunk repeats them cumulatively: the last one counts.
 * `promptTokenCount` includes cached tokens; `candidatesTokenCount` excludes thoughts. Zeroes are omitted.
 */
export interface UsageMetadata extends JsonObject {
  promptTokenCount?: number;
  cachedContentTokenCount?: number;
  candidatesTokenCount?: number;
  thoughtsTokenCount?: number;
  toolUsePromptTokenCount?: number;
  totalTokenCount?: number;
  promptTokensDetails?: ModalityTokenCount[];
  cacheTokensDetails?: ModalityTokenCount[];
  candidatesTokensDetails?: ModalityTokenCount[];
  toolUsePromptTokensDetails?: ModalityTokenCount[];
}

/** One alternative answer. `finishReason` is an open enum and set on the last chunk only. */
export interface Candidate extends JsonObject {
  content?: Content;
  finishReason?: string;
  finishMessage?: string;
  index?: number;
}

/** Why a prompt was refused; then there are no candidates. */
export interface PromptFeedback extends JsonObject {
  blockReason?: string;
  blockReasonMessage?: string;
}

/** Answer of generateContent, and each event of streamGenerateContent. */
export interface GenerateContentResponse extends JsonObject {
  candidates?: Candidate[];
  promptFeedback?: PromptFeedback;
  usageMetadata?: UsageMetadata;
  modelVersion?: string;
  responseId?: string;
}
