/**
 * JSON Schemas of the gateway's own requests. All are validated by them, and the OpenAPI document shows them: there is
 * no second description.
 */
// `minLength` would count the characters of the whole text, which may be megabytes of base64.
/** Pattern of texts that are not empty. */
export const SOME_TEXT = '^[^]';
const someText = { type: 'string', pattern: SOME_TEXT } as const;

const freeObject = { type: 'object', additionalProperties: true } as const;

const content = {
  type: 'object',
  description: 'A message in Gemini’s own shape; fields that are not named here pass through.',
  properties: {
    role: { type: 'string', enum: ['user', 'model', 'function'] },
    parts: { type: 'array', minItems: 1, items: freeObject },
  },
  required: ['parts'],
} as const;

const media = {
  type: 'object',
  description: 'An image, PDF, audio or video, inline (`data`, base64) or by URI (`uri`).',
  properties: {
    mimeType: { type: 'string', pattern: '^[\\w.+-]+/[\\w.+-]+$' },
    data: someText,
    uri: someText,
  },
  required: ['mimeType'],
  oneOf: [{ required: ['data'] }, { required: ['uri'] }],
  additionalProperties: false,
} as const;

const generation = {
  type: 'object',
  description: 'Settings of the generation. What is left open comes from the task and the model.',
  properties: {
    temperature: { type: 'number', minimum: 0, maximum: 2 },
    topP: { type: 'number', minimum: 0, maximum: 1 },
    topK: { type: 'integer', minimum: 1 },
    maxOutputTokens: { type: 'integer', minimum: 1 },
    stopSequences: { type: 'array', maxItems: 5, items: { type: 'string' } },
    seed: { type: 'integer' },
    presencePenalty: { type: 'number' },
    frequencyPenalty: { type: 'number' },
    thinkingLevel: { type: 'string', enum: ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'] },
    thinkingBudget: { type: 'integer', minimum: -1 },
    includeThoughts: { type: 'boolean' },
    responseModalities: { type: 'array', items: { type: 'string', enum: ['TEXT', 'IMAGE', 'AUDIO'] } },
    mediaResolution: { type: 'string' },
  },
  additionalProperties: false,
} as const;

/** What a request says, whatever is asked: one of `task` and `model`, one of `prompt` and `contents`. */
const question = {
  task: { ...someText, description: 'A configured task; it chooses model and project.' },
  model: {
    ...someText,
    description: 'A model by name; with `task`, in place of the task’s models.',
  },
  prompt: { ...someText, description: 'The question as text; instead of `contents`.' },
  contents: {
    type: 'array',
    minItems: 1,
    items: content,
    description: 'The conversation; instead of `prompt`.',
  },
  system: { ...someText, description: 'System instruction.' },
  media: { type: 'array', minItems: 1, items: media, description: 'Goes with `prompt`, before it.' },
  tools: { type: 'array', items: freeObject, description: 'Tools in Gemini’s own shape.' },
  toolConfig: { ...freeObject, description: 'Tool settings in Gemini’s own shape.' },
  generation,
  schema: { ...freeObject, description: 'JSON Schema that the answer is to follow.' },
} as const;

const schemaWord = { type: 'string', pattern: '^[\\w.-]{1,64}$' } as const;

const metadata = {
  feature: {
    type: 'string',
    pattern: '^[\\w.:-]{1,64}$',
    description: 'Product feature that makes the call.',
  },
  user: { type: 'string', minLength: 1, maxLength: 128, description: 'End user on whose behalf it is made.' },
  conversation: {
    type: 'string',
    minLength: 1,
    maxLength: 128,
    description: 'Conversation that it belongs to: its calls stay with the model that it began with.',
  },
  tags: {
    type: 'object',
    maxProperties: 16,
    additionalProperties: { type: 'string', maxLength: 128 },
    description: 'Names and values that go with the call into its records.',
  },
} as const;

const directives = {
  cache: {
    type: 'object',
    description: 'What the caller says about stored answers.',
    properties: {
      ttlMs: {
        type: 'integer',
        minimum: 1_000,
        description: 'For how long the answer may be kept; has the cache used where the task does not.',
      },
      maxAgeMs: { type: 'integer', minimum: 0, description: 'Stored answers that are older do not count.' },
      forceRefresh: { type: 'boolean', description: 'No stored answer counts; the new one takes its place.' },
      noStore: { type: 'boolean', description: 'The answer is not stored.' },
      onlyIfCached: { type: 'boolean', description: 'A stored answer or none (`NO_TARGET`).' },
    },
    additionalProperties: false,
  },
} as const;

const asked = [
  { anyOf: [{ required: ['task'] }, { required: ['model'] }] },
  { oneOf: [{ required: ['prompt'] }, { required: ['contents'] }] },
] as const;

/** Body of `POST /v1/generate`. */
export const generateSchema = {
  type: 'object',
  properties: {
    ...question,
    schemaName: { ...schemaWord, description: 'A schema of the configuration, in place of `schema`.' },
    schemaVersion: { ...schemaWord, description: 'Its version; the last one unless given.' },
    safetySettings: { type: 'array', items: freeObject },
    cachedContent: someText,
    stream: { type: 'boolean', description: 'Answer as server-sent events.' },
    priority: { type: 'string', enum: ['interactive', 'standard', 'batch'] },
    timeoutMs: { type: 'integer', minimum: 1, description: 'Deadline of the call; the task’s bounds it.' },
    ...directives,
    ...metadata,
  },
  allOf: asked,
  additionalProperties: false,
} as const;

/** Body of `POST /v1/count-tokens`. */
export const countTokensSchema = {
  type: 'object',
  properties: { ...question, ...directives, ...metadata },
  allOf: asked,
  additionalProperties: false,
} as const;

/** Body of `POST /v1/embed`. */
export const embedSchema = {
  type: 'object',
  properties: {
    task: question.task,
    model: question.model,
    texts: { type: 'array', minItems: 1, maxItems: 100, items: someText },
    taskType: { type: 'string', description: 'What the embeddings are for, as Gemini names it.' },
    dimensions: { type: 'integer', minimum: 1 },
    ...directives,
    ...metadata,
  },
  required: ['texts'],
  anyOf: [{ required: ['task'] }, { required: ['model'] }],
  additionalProperties: false,
} as const;
