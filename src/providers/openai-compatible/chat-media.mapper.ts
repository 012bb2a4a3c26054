import type { JsonObject } from '../../core/json.js';
import { objectAt, stringAt, unmappable } from './request-fields.js';

const AUDIO_FORMATS: ReadonlyMap<string, string> = new Map([
  ['audio/wav', 'wav'],
  ['audio/x-wav', 'wav'],
  ['audio/wave', 'wav'],
  ['audio/mp3', 'mp3'],
  ['audio/mpeg', 'mp3'],
]);

/**
 * The part of a chat message for inline data or a file by URI; undefined for parts that hold neither. Images and
 * documents travel as data URLs. Of URIs only those of images that anybody can fetch have a counterpart.
 */
export function toMediaPart(part: JsonObject, path: string): JsonObject | undefined {
  if (part['inlineData'] !== undefined) {
    return inlinePart(objectAt(part['inlineData'], `${path}.inlineData`), `${path}.inlineData`);
  }
  if (part['fileData'] === undefined) return undefined;
  const file = objectAt(part['fileData'], `${path}.fileData`);
  const uri = stringAt(file['fileUri'], `${path}.fileData.fileUri`);
  const isImage = typeof file['mimeType'] === 'string' && file['mimeType'].startsWith('image/');
  if (!isImage || !isPublic(uri)) throw unmappable(`${path}.fileData`);
  return { type: 'image_url', image_url: { url: uri } };
}

function inlinePart(inline: JsonObject, path: string): JsonObject {
  const mimeType = stringAt(inline['mimeType'], `${path}.mimeType`).toLowerCase();
  const data = stringAt(inline['data'], `${path}.data`);
  const url = `data:${mimeType};base64,${data}`;
  const [family = '', subtype = ''] = mimeType.split('/');
  switch (family) {
    case 'image':
      return { type: 'image_url', image_url: { url } };
    case 'audio': {
      const format = AUDIO_FORMATS.get(mimeType);
      if (format === undefined) throw unmappable(`${path}.mimeType`);
      return { type: 'input_audio', input_audio: { data, format } };
    }
    case 'application':
    case 'text': {
      const name = inline['displayName'];
      const filename = typeof name === 'string' ? name : `document.${subtype}`;
      return { type: 'file', file: { filename, file_data: url } };
    }
    default:
      throw unmappable(`${path}.mimeType`);
  }
}

// Uploaded files can be read with the uploader's credentials at Google only.
function isPublic(uri: string): boolean {
  return /^https?:\/\//.test(uri) && !uri.startsWith('https://generativelanguage.googleapis.com/');
}
