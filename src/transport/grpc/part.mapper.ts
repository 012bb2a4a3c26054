import { create, type JsonObject as ProtoJsonObject } from '@bufbuild/protobuf';
import type { Part as WirePart } from '../../core/gemini-wire.js';
import { isJsonObject, type JsonObject } from '../../core/json.js';
import {
  BlobSchema,
  FileDataSchema,
  FunctionCallSchema,
  FunctionResponseSchema,
  type FunctionCall,
  type Part,
} from './gen/gemini_gateway/v1/gateway_pb.js';

/** A part of an answer as a message. What has no field of its own, or is not of its type, is in `extra`. */
export function partMessage(part: WirePart): Part {
  const message: Part = {
    $typeName: 'gemini_gateway.v1.Part',
    data: dataOf(part),
    thought: false,
    thoughtSignature: '',
  };
  return filled(message, part, { thought: 'boolean', thoughtSignature: 'string' }, message.data.case);
}

/** A tool call of an answer as a message. */
export function functionCallMessage(call: JsonObject): FunctionCall {
  return filled(create(FunctionCallSchema), call, { id: 'string', name: 'string', args: 'object' });
}

// At most one of them is there; where an upstream sends more, a text says least.
function dataOf(part: WirePart): Part['data'] {
  const { functionCall, functionResponse, inlineData, fileData, text } = part;
  if (isJsonObject(functionCall)) return { case: 'functionCall', value: functionCallMessage(functionCall) };
  if (isJsonObject(functionResponse)) {
    const fields = { id: 'string', name: 'string', response: 'object' } as const;
    return {
      case: 'functionResponse',
      value: filled(create(FunctionResponseSchema), functionResponse, fields),
    };
  }
  if (isJsonObject(inlineData) && typeof inlineData.data === 'string') {
    const blob = create(BlobSchema, { data: Buffer.from(inlineData.data, 'base64') });
    return { case: 'inlineData', value: filled(blob, inlineData, { mimeType: 'string' }, 'data') };
  }
  if (isJsonObject(fileData)) {
    const fields = { mimeType: 'string', fileUri: 'string' } as const;
    return { case: 'fileData', value: filled(create(FileDataSchema), fileData, fields) };
  }
  return typeof text === 'string' ? { case: 'text', value: text } : { case: undefined };
}

/** Sets the fields of these types, less the one that is set already; all others go into `extra`. */
function filled<M extends { extra?: ProtoJsonObject | undefined }>(
  message: M,
  source: JsonObject,
  types: Readonly<Record<string, 'string' | 'boolean' | 'object'>>,
  set?: string,
): M {
  const fields = message as Record<string, unknown>;
  for (const [name, value] of Object.entries(source)) {
    if (name === set || value === undefined) continue;
    const type = Object.hasOwn(types, name) ? types[name] : undefined;
    if (type === 'object' ? isJsonObject(value) : typeof value === type) fields[name] = value;
    else (message.extra ??= {})[name] = value as ProtoJsonObject[string];
  }
  return message;
}
