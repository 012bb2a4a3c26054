import type { JsonObject } from '../core/json.js';

/** What the emulator knows of one model. */
export interface EmulatedModel {
  readonly id: string;
  readonly kind: 'generate' | 'embed';
  /** Input tokens accepted in one request. */
  readonly inputTokenLimit: number;
  /** Output tokens, thoughts included, of one generation. */
  readonly outputTokenLimit: number;
  /** Thinking levels accepted; empty for models that do not think. */
  readonly thinkingLevels: readonly string[];
  /** Whether `thinkingBudget` is accepted. */
  readonly thinkingBudget: boolean;
  /** Gemini 3 and newer sign function calls and check the signatures on the next turn. */
  readonly signs: boolean;
  /** Models of one family accept each other's thought signatures. */
  readonly family: string;
  readonly makesImages: boolean;
  /** Output tokens after which one call stops with CONTINUATION; absent where the model cannot continue. */
  readonly outputPerCall?: { readonly stream: number; readonly unary: number };
}

const MINIMAL_TO_HIGH = ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'] as const;
const LOW_TO_HIGH = ['LOW', 'MEDIUM', 'HIGH'] as const;

function model(id: string, traits: Partial<EmulatedModel> = {}): EmulatedModel {
  const family = /^[a-z]+-\d+/.exec(id)?.[0] ?? id;
  return {
    id,
    kind: 'generate',
    inputTokenLimit: 1_048_576,
    outputTokenLimit: 65_536,
    thinkingLevels: MINIMAL_TO_HIGH,
    thinkingBudget: true,
    signs: family !== 'gemini-2',
    family,
    makesImages: false,
    ...traits,
  };
}

const embeds = (id: string, inputTokenLimit: number): EmulatedModel =>
  model(id, { kind: 'embed', inputTokenLimit, outputTokenLimit: 1, thinkingLevels: [], signs: false });

const MODELS: readonly EmulatedModel[] = [
  model('gemini-4-argon', {
    thinkingLevels: LOW_TO_HIGH,
    thinkingBudget: false,
    outputPerCall: { stream: 65_536, unary: 32_768 },
  }),
  model('gemini-4-carbon', { thinkingLevels: LOW_TO_HIGH }),
  model('gemini-3.8-flash', { thinkingLevels: LOW_TO_HIGH }),
  model('gemini-3.7-flash', { thinkingLevels: LOW_TO_HIGH }),
  model('gemini-3.6-flash'),
  model('gemini-3.5-flash'),
  model('gemini-3.5-flash-lite'),
  model('gemini-3.1-flash-lite'),
  model('gemini-3.1-pro-preview', { thinkingLevels: LOW_TO_HIGH }),
  model('gemini-3-flash-preview'),
  model('gemini-2.5-pro'),
  model('gemini-2.5-flash'),
  model('gemini-2.5-flash-lite'),
  model('gemini-3.1-flash-image', { makesImages: true }),
  model('gemini-3-pro-image', { makesImages: true }),
  embeds('gemini-embedding-001', 2048),
  embeds('gemini-embedding-2', 8192),
];

const BY_ID: ReadonlyMap<string, EmulatedModel> = new Map(MODELS.map((entry) => [entry.id, entry]));

/** The model of that id (without `models/`), or undefined where Google would answer 404. */
export function findModel(id: string): EmulatedModel | undefined {
  return BY_ID.get(id);
}

/** The document of `GET models/{id}` on the Developer API. */
export function modelDocument(entry: EmulatedModel): JsonObject {
  return {
    name: `models/${entry.id}`,
    version: '001',
    displayName: entry.id,
    description: `Emulated ${entry.id}.`,
    inputTokenLimit: entry.inputTokenLimit,
    outputTokenLimit: entry.outputTokenLimit,
    supportedGenerationMethods:
      entry.kind === 'embed'
        ? ['embedContent', 'countTokens', 'asyncBatchEmbedContent']
        : ['generateContent', 'countTokens', 'createCachedContent', 'batchGenerateContent'],
    ...(entry.kind === 'embed'
      ? {}
      : {
          temperature: 1,
          topP: 0.95,
          topK: 64,
          maxTemperature: 2,
          thinking: entry.thinkingLevels.length > 0,
        }),
  };
}

/** One page of models. Undefined for a page token that this function did not make. */
export function modelPage(
  pageSize: number,
  pageToken: string | undefined,
): { models: readonly EmulatedModel[]; nextPageToken?: string } | undefined {
  const start = pageToken === undefined || pageToken === '' ? 0 : Number(/^page-(\d+)$/.exec(pageToken)?.[1]);
  if (!Number.isInteger(start)) return undefined;
  const end = start + pageSize;
  return {
    models: MODELS.slice(start, end),
    ...(end < MODELS.length ? { nextPageToken: `page-${end}` } : {}),
  };
}
