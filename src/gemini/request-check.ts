import type { Operation } from '../core/call.js';
import { GatewayError } from '../core/gateway-error.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';

/**
 * Refuses requests that no upstream could answer, before they cost a call: no contents, parts that are none,
 * broken base64, images that are none. Throws INVALID_REQUEST that names the field. Everything else is the
 * upstream's to judge.
 */
export function assertAnswerable(operation: Operation, request: Readonly<JsonObject>): void {
  switch (operation) {
    case 'generate':
      assertContents(request['contents'], 'contents');
      if (request['systemInstruction'] !== undefined)
        assertContent(request['systemInstruction'], 'systemInstruction');
      return;
    case 'count_tokens': {
      const inner = request['generateContentRequest'];
      if (inner === undefined) assertContents(request['contents'], 'contents');
      else
        assertContents(
          object(inner, 'generateContentRequest')['contents'],
          'generateContentRequest.contents',
        );
      return;
    }
    case 'embed':
      assertContent(request['content'], 'content');
      return;
    case 'batch_embed':
      for (const [index, one] of list(request['requests'], 'requests').entries()) {
        assertContent(object(one, `requests[${index}]`)['content'], `requests[${index}].content`);
      }
  }
}

function assertContents(value: JsonValue | undefined, field: string): void {
  for (const [index, content] of list(value, field).entries()) assertContent(content, `${field}[${index}]`);
}

function assertContent(value: JsonValue | undefined, field: string): void {
  const parts = list(object(value, field)['parts'], `${field}.parts`);
  for (const [index, part] of parts.entries()) {
    const at = `${field}.parts[${index}]`;
    const { text, inlineData } = object(part, at);
    if (text !== undefined && typeof text !== 'string') throw refusal(`${at}.text`, 'must be a text');
    if (inlineData !== undefined)
      assertInlineData(object(inlineData, `${at}.inlineData`), `${at}.inlineData`);
  }
}

function assertInlineData({ mimeType, data }: JsonObject, field: string): void {
  if (typeof mimeType !== 'string' || mimeType === '')
    throw refusal(`${field}.mimeType`, 'must be a media type');
  if (typeof data !== 'string' || data === '') throw refusal(`${field}.data`, 'must be base64');
  const digits = data.length - (data.endsWith('==') ? 2 : data.endsWith('=') ? 1 : 0);
  const bytes = Buffer.from(data, 'base64');
  // The decoder skips what is no base64, so a wrong character shows as a missing byte.
  if (digits % 4 === 1 || bytes.length !== Math.floor((digits * 3) / 4))
    throw refusal(`${field}.data`, 'is not valid base64');
  if (RASTER_IMAGE.test(mimeType) && !isRasterImage(bytes))
    throw refusal(`${field}.data`, `is no image (${mimeType})`);
}

const RASTER_IMAGE = /^image\/(?:png|jpe?g|gif|webp)$/i;

/** By signature: PNG, JPEG, GIF, WebP. Which of them the media type says is not held against the caller. */
function isRasterImage(bytes: Buffer): boolean {
  const start = bytes.toString('latin1', 0, 12);
  return (
    start.startsWith('\x89PNG\r\n\x1A\n') ||
    start.startsWith('\xFF\xD8\xFF') ||
    start.startsWith('GIF8') ||
    (start.startsWith('RIFF') && start.endsWith('WEBP'))
  );
}

function list(value: JsonValue | undefined, field: string): JsonValue[] {
  if (!Array.isArray(value)) throw refusal(field, value === undefined ? 'is missing' : 'must be a list');
  if (value.length === 0) throw refusal(field, 'must not be empty');
  return value;
}

function object(value: JsonValue | undefined, field: string): JsonObject {
  if (!isJsonObject(value)) throw refusal(field, value === undefined ? 'is missing' : 'must be an object');
  return value;
}

function refusal(field: string, what: string): GatewayError {
  return new GatewayError('INVALID_REQUEST', `"${field}" ${what}.`, { metadata: { field } });
}
