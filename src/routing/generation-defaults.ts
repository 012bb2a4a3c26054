import { isJsonObject, type JsonObject } from '../core/json.js';

/** Settings that a task or a model gives to calls that do not set them. */
export interface GenerationDefaults {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly maxOutputTokens?: number;
  readonly thinkingLevel?: string;
}

/**
 * The request with defaults where the caller set nothing: the task's before the model's. Returns the very same
 * request when there is nothing to add.
 */
export function withDefaults(
  request: Readonly<JsonObject>,
  ...defaults: readonly (GenerationDefaults | undefined)[]
): Readonly<JsonObject> {
  const given = isJsonObject(request['generationConfig']) ? request['generationConfig'] : {};
  const config: JsonObject = { ...given };
  for (const source of defaults) if (source !== undefined) addMissing(config, source);
  const changed = Object.keys(config).length !== Object.keys(given).length;
  return changed ? { ...request, generationConfig: config } : request;
}

function addMissing(config: JsonObject, defaults: GenerationDefaults): void {
  const { thinkingLevel, ...plain } = defaults;
  for (const [name, value] of Object.entries(plain)) {
    if (value !== undefined && config[name] === undefined) config[name] = value;
  }
  if (thinkingLevel !== undefined && config['thinkingConfig'] === undefined) {
    config['thinkingConfig'] = { thinkingLevel };
  }
}
