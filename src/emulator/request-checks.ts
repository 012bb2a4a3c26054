import type { Content, GenerateContentRequest, Part } from '../core/gemini-wire.js';
import { isJsonObject } from '../core/json.js';
import { invalidArgument, type Refusal } from './google-errors.js';
import type { EmulatedModel } from './models.js';
import { continuationOffset } from './output-budget.js';
import { checkCallSignature } from './signatures.js';
import { thinkingFault } from './thinking.js';

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Refuses what Google's JSON transcoding refuses: missing contents and wrong types. */
export function checkShape(request: GenerateContentRequest): Refusal | undefined {
  const contents: unknown = request.contents;
  if (contents === undefined || (Array.isArray(contents) && contents.length === 0))
    return invalidArgument('* GenerateContentRequest.contents: contents is not specified\n');
  if (!Array.isArray(contents)) return wrongType('contents', 'a list');
  for (let index = 0; index < contents.length; index++) {
    const fault = checkContent(contents[index], `contents[${index}]`);
    if (fault !== undefined) return fault;
  }
  if (request.systemInstruction !== undefined)
    return checkContent(request.systemInstruction, 'system_instruction') ?? checkFields(request);
  return checkFields(request);
}

function wrongType(field: string, wanted: string): Refusal {
  return invalidArgument(`Invalid value at '${field}': the value must be ${wanted}.`);
}

function checkFields(request: GenerateContentRequest): Refusal | undefined {
  const config: unknown = request.generationConfig;
  if (config !== undefined && !isJsonObject(config)) return wrongType('generation_config', 'an object');
  const tools: unknown = request.tools;
  if (tools !== undefined && (!Array.isArray(tools) || !tools.every(isJsonObject)))
    return wrongType('tools', 'a list of objects');
  for (const field of ['temperature', 'topP', 'topK', 'maxOutputTokens', 'candidateCount'] as const) {
    const value: unknown = request.generationConfig?.[field];
    if (value !== undefined && typeof value !== 'number')
      return wrongType(`generation_config.${field}`, 'a number');
  }
  return undefined;
}

function checkContent(content: unknown, path: string): Refusal | undefined {
  if (!isJsonObject(content)) return wrongType(path, 'an object');
  const { role, parts } = content as Content;
  if (role !== undefined && role !== 'user' && role !== 'model' && role !== 'function' && role !== 'system')
    return invalidArgument('Please use a valid role: user, model.');
  if (parts === undefined) return undefined;
  if (!Array.isArray(parts)) return wrongType(`${path}.parts`, 'a list');
  for (let index = 0; index < parts.length; index++) {
    const fault = checkPart(parts[index], `${path}.parts[${index}]`);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function checkPart(part: unknown, path: string): Refusal | undefined {
  if (!isJsonObject(part)) return wrongType(path, 'an object');
  const { text, inlineData } = part as Part;
  if (text !== undefined && typeof text !== 'string') return wrongType(`${path}.text`, 'a string');
  if (inlineData === undefined) return undefined;
  if (!isJsonObject(inlineData)) return wrongType(`${path}.inline_data`, 'an object');
  const data: unknown = inlineData.data;
  return typeof data === 'string' && BASE64.test(data)
    ? undefined
    : invalidArgument(`Invalid value at '${path}.inline_data.data' (TYPE_BYTES), Base64 decoding failed`);
}

/** Refuses settings that the model does not have, and more input than it takes. */
export function checkSettings(
  model: EmulatedModel,
  request: GenerateContentRequest,
  inputTokens: number,
): Refusal | undefined {
  const config = request.generationConfig;
  if (inputTokens > model.inputTokenLimit)
    return invalidArgument(
      `The input token count exceeds the maximum number of tokens allowed (${model.inputTokenLimit}).`,
    );
  if (continuationOffset(request.continuationToken) === undefined)
    return invalidArgument('Invalid continuation token.');
  if (config === undefined) return undefined;
  const thinking = thinkingFault(model, config);
  if (thinking !== undefined) return invalidArgument(thinking);
  if (config.responseSchema !== undefined && config.responseJsonSchema !== undefined)
    return invalidArgument('Only one of response_schema and response_json_schema can be set.');
  const constrained = config.responseSchema !== undefined || config.responseJsonSchema !== undefined;
  const type = config.responseMimeType;
  if (constrained && type !== 'application/json' && type !== 'text/x.enum')
    return invalidArgument(
      "Function calling or a response schema requires response_mime_type 'application/json'.",
    );
  return undefined;
}

/**
 * Refuses function calls of the current turn that do not carry the signature they were made with. Per step the
 * first call must have one; the others may.
 */
export function checkSignatures(
  model: EmulatedModel,
  request: GenerateContentRequest,
  seed: number,
): Refusal | undefined {
  const contents = request.contents ?? [];
  if (!model.signs || contents.length < 2) return undefined;
  let stepOpen = false;
  for (let index = turnStart(contents); index < contents.length; index++) {
    const content = contents[index];
    if (content?.role !== 'model') stepOpen = false;
    else
      for (const part of content.parts ?? []) {
        if (part.functionCall === undefined) continue;
        const fault = checkCall(part, model.family, seed, !stepOpen, index + 1);
        if (fault !== undefined) return fault;
        stepOpen = true;
      }
  }
  return undefined;
}

function checkCall(
  part: Part,
  family: string,
  seed: number,
  firstOfStep: boolean,
  position: number,
): Refusal | undefined {
  const call = part.functionCall ?? {};
  const signature = part.thoughtSignature;
  if (typeof signature !== 'string' || signature === '')
    return firstOfStep
      ? invalidArgument(
          'Function call is missing a thought_signature in functionCall parts. This is required for tools to work ' +
            'correctly, and missing thought_signature may lead to degraded model performance. Additional data, ' +
            `function call \`default_api:${call.name ?? ''}\`, position ${position}. Please refer to ` +
            'https://ai.google.dev/gemini-api/docs/thought-signatures for more details.',
        )
      : undefined;
  switch (checkCallSignature(seed, family, call, signature)) {
    case 'valid':
      return undefined;
    case 'invalid':
      return invalidArgument('Invalid thought signature.');
    case 'corrupted':
      return invalidArgument('Corrupted thought signature.');
  }
}

/** Index of the last content in which the user says something, beyond answering function calls. */
function turnStart(contents: readonly Content[]): number {
  for (let index = contents.length - 1; index >= 0; index--) {
    const content = contents[index];
    if (content?.role === 'model' || content?.role === 'function') continue;
    if (content?.parts?.some((part) => part.functionResponse === undefined)) return index;
  }
  return 0;
}
