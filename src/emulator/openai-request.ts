import type { Content, GenerateContentRequest, GenerationConfig, Part } from '../core/gemini-wire.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { parseObject } from './google-rest.js';

/** A request that OpenAI refuses with 400: `param` names the field at fault, null for the whole body. */
export class InvalidChatRequest extends Error {
  override readonly name = 'InvalidChatRequest';

  constructor(
    message: string,
    readonly param: string | null,
  ) {
    super(message);
  }
}

const DATA_URL = /^data:([\w.+-]+\/[\w.+-]+);base64,([A-Za-z0-9+/]+={0,2})$/;

/** A chat completion request as the Gemini request that it amounts to. Throws InvalidChatRequest. */
export function geminiRequestOf(body: JsonObject): GenerateContentRequest {
  const { messages } = body;
  if (!Array.isArray(messages) || messages.length === 0)
    throw new InvalidChatRequest("Missing required parameter: 'messages'.", 'messages');
  const system: Part[] = [];
  const contents: Content[] = [];
  for (const [index, message] of messages.entries()) {
    const param = `messages[${index}]`;
    if (!isJsonObject(message)) throw new InvalidChatRequest('Expected an object.', param);
    if (message['role'] === 'system' || message['role'] === 'developer')
      system.push(...partsOf(message['content'], param));
    else contents.push(contentOf(message, param));
  }
  const { tools } = body;
  return {
    contents,
    ...(system.length > 0 && { systemInstruction: { parts: system } }),
    ...(Array.isArray(tools) &&
      tools.length > 0 && { tools: [{ functionDeclarations: declarations(tools) }] }),
    ...(Array.isArray(tools) && {
      toolConfig: { functionCallingConfig: callingConfig(body['tool_choice']) },
    }),
    generationConfig: generationConfig(body),
  };
}

function contentOf(message: JsonObject, param: string): Content {
  const { role, content } = message;
  if (role === 'user') return { role, parts: partsOf(content, param) };
  if (role === 'assistant')
    return { role: 'model', parts: [...partsOf(content ?? '', param), ...calls(message)] };
  if (role !== 'tool') throw invalidValue(role, `${param}.role`);
  const functionResponse = { id: message['tool_call_id'], response: { output: content } };
  return { role: 'user', parts: [{ functionResponse }] };
}

function invalidValue(value: JsonValue | undefined, param: string): InvalidChatRequest {
  return new InvalidChatRequest(`Invalid value: ${JSON.stringify(value)}.`, param);
}

function calls(message: JsonObject): Part[] {
  const toolCalls = message['tool_calls'];
  if (!Array.isArray(toolCalls)) return [];
  return toolCalls.flatMap((call): Part[] => {
    const called = isJsonObject(call) && isJsonObject(call['function']) ? call['function'] : undefined;
    if (called === undefined || typeof called['name'] !== 'string') return [];
    const args = typeof called['arguments'] === 'string' ? parseObject(called['arguments']) : undefined;
    return [{ functionCall: { name: called['name'], args: args ?? {} } }];
  });
}

function partsOf(content: JsonValue | undefined, param: string): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [{ text: content }];
  if (!Array.isArray(content))
    throw new InvalidChatRequest('Expected a string or an array.', `${param}.content`);
  return content.map((part, index) => partOf(part, `${param}.content[${index}]`));
}

function partOf(part: JsonValue, param: string): Part {
  if (!isJsonObject(part)) throw new InvalidChatRequest('Expected an object.', param);
  if (part['type'] === 'text' && typeof part['text'] === 'string') return { text: part['text'] };
  const { image_url: image, input_audio: audio } = part;
  if (part['type'] === 'image_url' && isJsonObject(image)) return imageOf(image['url'], `${param}.image_url`);
  if (part['type'] === 'input_audio' && isJsonObject(audio)) {
    const { format, data } = audio;
    if (typeof format === 'string' && typeof data === 'string')
      return { inlineData: { mimeType: `audio/${format}`, data } };
  }
  throw invalidValue(part['type'], `${param}.type`);
}

function imageOf(url: JsonValue | undefined, param: string): Part {
  const text = typeof url === 'string' ? url : '';
  const [, mimeType, data] = DATA_URL.exec(text) ?? [];
  if (mimeType?.startsWith('image/') === true && data !== undefined)
    return { inlineData: { mimeType, data } };
  if (/^https?:\/\//.test(text)) return { fileData: { mimeType: 'image/*', fileUri: text } };
  throw new InvalidChatRequest('You uploaded an unsupported image or an invalid URL.', param);
}

function declarations(tools: readonly JsonValue[]): JsonObject[] {
  return tools.flatMap((tool) => {
    const declared = isJsonObject(tool) && isJsonObject(tool['function']) ? tool['function'] : undefined;
    return declared === undefined
      ? []
      : [{ name: declared['name'], parametersJsonSchema: declared['parameters'] ?? { type: 'object' } }];
  });
}

function callingConfig(choice: JsonValue | undefined): JsonObject {
  if (isJsonObject(choice) && isJsonObject(choice['function']))
    return { mode: 'ANY', allowedFunctionNames: [choice['function']['name'] ?? ''] };
  if (choice === 'required') return { mode: 'ANY' };
  return { mode: choice === 'none' ? 'NONE' : 'AUTO' };
}

function generationConfig(body: JsonObject): GenerationConfig {
  const { n, stop, response_format: format } = body;
  const limit = body['max_completion_tokens'] ?? body['max_tokens'];
  const type = isJsonObject(format) ? format['type'] : undefined;
  const described = isJsonObject(format) ? format['json_schema'] : undefined;
  const schema = isJsonObject(described) ? described['schema'] : undefined;
  if (type === 'json_schema' && !isJsonObject(schema))
    throw new InvalidChatRequest('Missing required parameter.', 'response_format.json_schema.schema');
  return {
    ...(typeof limit === 'number' && { maxOutputTokens: limit }),
    ...(typeof n === 'number' && { candidateCount: n }),
    ...(typeof stop === 'string' && { stopSequences: [stop] }),
    ...(Array.isArray(stop) && { stopSequences: stop.map(String) }),
    ...((type === 'json_object' || type === 'json_schema') && { responseMimeType: 'application/json' }),
    ...(isJsonObject(schema) && { responseJsonSchema: schema }),
  };
}
