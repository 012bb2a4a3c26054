import { GatewayError } from '../../core/gateway-error.js';
import type { JsonObject } from '../../core/json.js';
import type {
  Blob,
  Content,
  FileData,
  FunctionCall,
  FunctionResponse,
  Part,
} from './gen/gemini_gateway/v1/gateway_pb.js';
import { withExtra } from './json-fields.js';

/** Messages of a conversation in Gemini's own shape. Throws INVALID_REQUEST that names the field. */
export function contentsOf(contents: readonly Content[]): JsonObject[] {
  return contents.map(({ role, parts, extra }, index) => {
    const at = `contents[${index}]`;
    const own = {
      ...(role === '' ? {} : { role }),
      parts: parts.map((part, place) => partOf(part, `${at}.parts[${place}]`)),
    };
    return withExtra(own, extra, at);
  });
}

function partOf({ data, thought, thoughtSignature, extra }: Part, at: string): JsonObject {
  const own: JsonObject = dataOf(data, at);
  if (thought) own['thought'] = true;
  if (thoughtSignature !== '') own['thoughtSignature'] = thoughtSignature;
  return withExtra(own, extra, at);
}

function dataOf(data: Part['data'], at: string): JsonObject {
  switch (data.case) {
    case 'text':
      return { text: data.value };
    case 'inlineData':
      return { inlineData: blobOf(data.value, `${at}.inline_data`) };
    case 'fileData':
      return { fileData: fileOf(data.value, `${at}.file_data`) };
    case 'functionCall':
      return { functionCall: callOf(data.value, `${at}.function_call`) };
    case 'functionResponse':
      return { functionResponse: responseOf(data.value, `${at}.function_response`) };
    case undefined:
      return {};
  }
}

function blobOf({ mimeType, data, extra }: Blob, at: string): JsonObject {
  if (data.byteLength === 0) {
    const field = `${at}.data`;
    throw new GatewayError('INVALID_REQUEST', `"${field}" must not be empty.`, { metadata: { field } });
  }
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return withExtra({ mimeType, data: bytes.toString('base64') }, extra, at);
}

function fileOf({ mimeType, fileUri, extra }: FileData, at: string): JsonObject {
  return withExtra({ ...(mimeType === '' ? {} : { mimeType }), fileUri }, extra, at);
}

function callOf({ id, name, args, extra }: FunctionCall, at: string): JsonObject {
  return withExtra(
    { ...(id === '' ? {} : { id }), name, ...(args === undefined ? {} : { args }) },
    extra,
    at,
  );
}

function responseOf({ id, name, response, extra }: FunctionResponse, at: string): JsonObject {
  return withExtra(
    { ...(id === '' ? {} : { id }), name, ...(response === undefined ? {} : { response }) },
    extra,
    at,
  );
}
