import type { GenerateContentRequest } from '../core/gemini-wire.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';

/** Kinds of content that a model can take or give. */
export const MODALITIES = ['text', 'image', 'audio', 'video', 'pdf'] as const;
export type Modality = (typeof MODALITIES)[number];

/** What a model can do, as far as routing asks. */
export interface ModelCapabilities {
  readonly inputModalities: readonly Modality[];
  readonly outputModalities: readonly Modality[];
  readonly contextTokens: number;
  readonly tools: boolean;
  readonly structuredOutput: boolean;
}

/** What a request needs of a model. */
export interface Needs {
  readonly input: ReadonlySet<Modality>;
  readonly output: ReadonlySet<Modality>;
  readonly tools: boolean;
  readonly structuredOutput: boolean;
  /** The request names a file or cached content that only the project that keeps it can read. */
  readonly keptResources: boolean;
  /** No script packs more characters into a token than this assumes: the true count is never lower. */
  readonly leastInputTokens: number;
}

const MOST_CHARACTERS_PER_TOKEN = 12;
/** URI of a file in the Files API, as against Cloud Storage and public URLs. */
const KEPT_FILE = /\/v1(?:beta)?\/files\/[\w-]+$/;

/** Reads a request's needs. Base64 data and file contents count no tokens. */
export function needsOf(request: Readonly<JsonObject>): Needs {
  const { contents, systemInstruction, tools, generationConfig, cachedContent } =
    request as GenerateContentRequest;
  const input = new Set<Modality>();
  let characters = 0;
  let keptResources = typeof cachedContent === 'string';
  for (const content of [...objects(contents), ...objects(systemInstruction)]) {
    for (const part of objects(content['parts'])) {
      if (typeof part['text'] === 'string') characters += part['text'].length;
      const media = part['inlineData'] ?? part['fileData'];
      if (!isJsonObject(media)) continue;
      input.add(modalityOf(media['mimeType']));
      if (typeof media['fileUri'] === 'string' && KEPT_FILE.test(media['fileUri'])) keptResources = true;
    }
  }
  const config = isJsonObject(generationConfig) ? generationConfig : {};
  return {
    input,
    output: new Set(strings(config.responseModalities).flatMap(outputModality)),
    tools: objects(tools).some((tool) => Array.isArray(tool['functionDeclarations'])),
    structuredOutput: config.responseSchema !== undefined || config.responseJsonSchema !== undefined,
    keptResources,
    leastInputTokens: Math.floor(characters / MOST_CHARACTERS_PER_TOKEN),
  };
}

/** Why a model cannot serve the needs, in words for the caller; undefined where it can. */
export function unmet(model: ModelCapabilities, needs: Needs): string | undefined {
  for (const modality of needs.input) {
    if (!model.inputModalities.includes(modality)) return `takes no ${modality} input`;
  }
  for (const modality of needs.output) {
    if (!model.outputModalities.includes(modality)) return `gives no ${modality} output`;
  }
  if (needs.tools && !model.tools) return 'takes no function declarations';
  if (needs.structuredOutput && !model.structuredOutput) return 'gives no structured output';
  if (needs.leastInputTokens > model.contextTokens) return `takes at most ${model.contextTokens} tokens`;
  return undefined;
}

/** The modality of a media type; what is neither image, audio, video nor PDF is read as text. */
function modalityOf(mimeType: JsonValue | undefined): Modality {
  const type = typeof mimeType === 'string' ? mimeType.toLowerCase() : '';
  if (type === 'application/pdf') return 'pdf';
  const family = type.slice(0, type.indexOf('/'));
  return family === 'image' || family === 'audio' || family === 'video' ? family : 'text';
}

function outputModality(name: string): Modality[] {
  const modality = name.toLowerCase();
  return modality === 'image' || modality === 'audio' || modality === 'video' ? [modality] : [];
}

function objects(value: JsonValue | undefined): JsonObject[] {
  if (isJsonObject(value)) return [value];
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function strings(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
