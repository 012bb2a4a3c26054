import type { Part } from '../../core/gemini-wire.js';
import type { JsonObject } from '../../core/json.js';
import type { Piece } from '../shared/conversation.js';
import { publicUrl } from '../shared/public-url.js';
import {
  assertFields,
  type FieldRules,
  invalid,
  mapped,
  objectAt,
  present,
  refused,
  someTextAt,
  textAt,
  wordAt,
} from '../shared/request-fields.js';

const DATA_URL = /^data:([\w.+-]+\/[\w.+-]+)(?:;[\w.-]+=[^;,]*)*;base64,/i;

/** Media types by the ending of a file's name, as Gemini knows them. */
const TYPES: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  heic: 'image/heic',
  heif: 'image/heif',
  avif: 'image/avif',
  bmp: 'image/bmp',
  pdf: 'application/pdf',
  json: 'application/json',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  htm: 'text/html',
  xml: 'text/xml',
  mp3: 'audio/mp3',
  wav: 'audio/wav',
  flac: 'audio/flac',
  ogg: 'audio/ogg',
  aac: 'audio/aac',
  aiff: 'audio/aiff',
  m4a: 'audio/mp4',
  mp4: 'video/mp4',
  webm: 'video/webm',
  mov: 'video/quicktime',
  mpeg: 'video/mpeg',
};

const AUDIO_FORMATS = ['wav', 'mp3', 'flac', 'ogg', 'aac', 'aiff', 'm4a'] as const;

/** How closely the model looks, as a resolution of the part (Gemini 3 and newer). */
const RESOLUTIONS = {
  auto: undefined,
  low: 'MEDIA_RESOLUTION_LOW',
  high: 'MEDIA_RESOLUTION_HIGH',
  original: 'MEDIA_RESOLUTION_ULTRA_HIGH',
} as const;

const IMAGE_FIELDS = mapped('url', 'detail');
const AUDIO_FIELDS = mapped('data', 'format');
const FILE_FIELDS: FieldRules = new Map([
  ...mapped('file_data', 'filename'),
  ['file_id', refused('no files are kept here; send it as `file_data`')],
]);

/** The image of a chat message. */
export function chatImage(value: JsonObject['image_url'], path: string): Piece {
  const image = objectAt(value, path);
  assertFields(image, IMAGE_FIELDS, path);
  return imagePart(image['url'], image['detail'], `${path}.url`, `${path}.detail`);
}

/** An image by a data URL or an https URL. */
export function imagePart(
  url: JsonObject['url'],
  detail: JsonObject['detail'],
  path: string,
  detailPath: string,
): Piece {
  const media = urlPiece(someTextAt(url, path), path, 'image/');
  const level = present(detail);
  const words = Object.keys(RESOLUTIONS) as (keyof typeof RESOLUTIONS)[];
  const resolution = level === undefined ? undefined : RESOLUTIONS[wordAt(level, detailPath, words)];
  if (resolution !== undefined) media.part['mediaResolution'] = { level: resolution };
  return media;
}

/** The sound of a message: base64 and a format. */
export function audioPart(value: JsonObject['input_audio'], path: string): Piece {
  const audio = objectAt(value, path);
  assertFields(audio, AUDIO_FIELDS, path);
  const format = wordAt(audio['format'], `${path}.format`, AUDIO_FORMATS);
  const data = someTextAt(audio['data'], `${path}.data`);
  return { path: `${path}.data`, part: inline(TYPES[format] ?? '', data) };
}

/** The file of a chat message. */
export function chatFile(value: JsonObject['file'], path: string): Piece {
  const file = objectAt(value, path);
  assertFields(file, FILE_FIELDS, path);
  return filePart(file['file_data'], file['filename'], `${path}.file_data`, `${path}.filename`);
}

/** A file as a data URL, or as base64 with a name whose ending tells what it is. */
export function filePart(
  value: JsonObject['file_data'],
  filename: JsonObject['filename'],
  path: string,
  namePath: string,
): Piece {
  const data = someTextAt(value, path);
  if (data.startsWith('data:')) return { path, part: dataPart(data, path) };
  const name = present(filename);
  const type = name === undefined ? undefined : typeByName(textAt(name, namePath));
  if (type === undefined) {
    throw invalid(path, 'must be a data URL, or base64 beside a filename whose ending tells its type');
  }
  return { path, part: inline(type, data) };
}

/** A file by an https URL. */
export function fileUrlPart(value: JsonObject['file_url'], path: string): Piece {
  return urlPiece(someTextAt(value, path), path, '');
}

/** Media of a family by URL. The type is absent where the URL does not tell it. */
function urlPiece(text: string, path: string, family: string): Piece {
  if (/^data:/i.test(text.slice(0, 5))) return { path, part: dataPart(text, path) };
  const url = publicUrl(text, path);
  const type = typeByName(url.pathname);
  const known = type?.startsWith(family) === true ? { mimeType: type } : {};
  return { path, part: { fileData: { ...known, fileUri: text } }, remote: { url, family } };
}

function dataPart(url: string, path: string): Part {
  // The pattern is anchored: of megabytes of base64 it reads the first characters alone.
  const [head, mimeType] = DATA_URL.exec(url) ?? [];
  if (head === undefined || mimeType === undefined) {
    throw invalid(path, 'must be of the form "data:<media type>;base64,<data>"');
  }
  if (url.length === head.length) throw invalid(path, 'holds no data');
  return inline(mimeType.toLowerCase(), url.slice(head.length));
}

function inline(mimeType: string, data: string): Part {
  return { inlineData: { mimeType, data } };
}

function typeByName(name: string): string | undefined {
  const ending = /\.([a-z0-9]{2,5})$/i.exec(name)?.[1]?.toLowerCase();
  return ending !== undefined && Object.hasOwn(TYPES, ending) ? TYPES[ending] : undefined;
}
