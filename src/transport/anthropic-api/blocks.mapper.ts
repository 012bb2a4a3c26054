import type { Part } from '../../core/gemini-wire.js';
import type { JsonObject, JsonValue } from '../../core/json.js';
import type { Piece } from '../shared/conversation.js';
import { publicUrl } from '../shared/public-url.js';
import {
  assertFields,
  type FieldRules,
  invalid,
  listAt,
  mapped,
  objectAt,
  only,
  present,
  refused,
  someTextAt,
  textAt,
  unsupported,
  wordAt,
} from '../shared/request-fields.js';
import { CACHE_CONTROL } from './cache-control.js';

const CACHE = ['cache_control', CACHE_CONTROL] as const;
const CITED = 'answers cite nothing';
const TOOLSET = refused('there are no toolsets');

/** Fields of the blocks that messages are made of. */
export const BLOCK_FIELDS = {
  text: new Map([...mapped('type', 'text'), CACHE, ['citations', only([[]], CITED)]]),
  image: new Map([
    ...mapped('type', 'source'),
    CACHE,
    ['transformations', only([{}], 'images are sent as they are')],
  ]),
  document: new Map([
    ...mapped('type', 'source', 'title', 'context'),
    CACHE,
    ['citations', only([{ enabled: false }, {}], CITED)],
  ]),
  thinking: mapped('type', 'thinking', 'signature'),
  tool_use: new Map([
    ...mapped('type', 'id', 'name', 'input'),
    CACHE,
    ['caller', only([{ type: 'direct' }], 'the model calls functions itself')],
    ['toolset_name', TOOLSET],
  ]),
  tool_result: new Map([
    ...mapped('type', 'tool_use_id', 'content', 'is_error'),
    CACHE,
    ['toolset_name', TOOLSET],
  ]),
} as const satisfies Record<string, FieldRules>;

export type BlockType = keyof typeof BLOCK_FIELDS;

const SERVER_TOOL = 'tools run with the caller alone';

/** Blocks that Anthropic knows and that cannot be had here. */
export const REFUSED_BLOCKS: ReadonlyMap<JsonValue | undefined, string> = new Map([
  ['redacted_thinking', 'nobody but its own model can read it'],
  ['search_result', 'answers cite nothing; send its text as text'],
  ['container_upload', 'there are no containers'],
  ['tool_reference', 'all tools are told to the model at once'],
  ['browser_state', 'there is no browser'],
  ['server_tool_use', SERVER_TOOL],
  ['web_search_tool_result', SERVER_TOOL],
  ['web_fetch_tool_result', SERVER_TOOL],
  ['code_execution_tool_result', SERVER_TOOL],
  ['bash_code_execution_tool_result', SERVER_TOOL],
  ['text_editor_code_execution_tool_result', SERVER_TOOL],
  ['tool_search_tool_result', SERVER_TOOL],
]);

const NO_FILES = 'no files are kept here; send the data itself';
const IMAGE_TYPE = /^image\/[\w.+-]+$/;
const IMAGE_NAME = /\.(png|jpe?g|webp|gif|heic|heif|avif|bmp)$/i;

/** A block with its type and the path under which the caller wrote it. */
export type FoundBlock<T extends BlockType> = readonly [type: T, block: JsonObject, path: string];

/** The blocks of a content, each of one of the types; a text stands for one block. */
export function blocksAt<T extends BlockType>(
  value: JsonValue | undefined,
  path: string,
  types: readonly (T | 'text')[],
): FoundBlock<T | 'text'>[] {
  if (typeof value === 'string') return [['text', { type: 'text', text: someTextAt(value, path) }, path]];
  const blocks = listAt(value, path);
  if (blocks.length === 0) throw invalid(path, 'must not be empty');
  return blocks.map((item, index) => {
    const at = `${path}[${index}]`;
    const block = objectAt(item, at);
    const why = REFUSED_BLOCKS.get(block['type']);
    if (why !== undefined) throw unsupported(`${at}.type`, why);
    const type = wordAt(block['type'], `${at}.type`, types);
    assertFields(block, BLOCK_FIELDS[type], at);
    return [type, block, at];
  });
}

/** What a block shows or says to the model: one part, or several for a document. */
export function piecesOf([type, block, path]: FoundBlock<'text' | 'image' | 'document'>): Piece[] {
  switch (type) {
    case 'text':
      return [{ part: { text: someTextAt(block['text'], `${path}.text`) } }];
    case 'image':
      return [imagePiece(objectAt(block['source'], `${path}.source`), `${path}.source`)];
    case 'document':
      return documentPieces(block, path);
  }
}

function imagePiece(source: JsonObject, path: string): Piece {
  const type = sourceType(source, path, ['base64', 'url'] as const);
  if (type === 'url') {
    const [url, text] = urlAt(source, path);
    const ending = IMAGE_NAME.exec(url.pathname)?.[1]?.toLowerCase();
    const known = ending === undefined ? {} : { mimeType: `image/${ending === 'jpg' ? 'jpeg' : ending}` };
    const part: Part = { fileData: { ...known, fileUri: text } };
    return { path: `${path}.url`, part, remote: { url, family: 'image/' } };
  }
  const mimeType = textAt(source['media_type'], `${path}.media_type`);
  if (!IMAGE_TYPE.test(mimeType)) throw invalid(`${path}.media_type`, 'must be the media type of an image');
  return inlinePiece(source, mimeType, path);
}

/** Title and context are told to the model in front of the document, as texts. */
function documentPieces(block: JsonObject, path: string): Piece[] {
  const source = objectAt(block['source'], `${path}.source`);
  const about = (['title', 'context'] as const).flatMap((name): Piece[] => {
    const value = present(block[name]);
    return value === undefined ? [] : [{ part: { text: someTextAt(value, `${path}.${name}`) } }];
  });
  return [...about, ...sourcePieces(source, `${path}.source`)];
}

function sourcePieces(source: JsonObject, path: string): Piece[] {
  const type = sourceType(source, path, ['base64', 'text', 'url', 'content'] as const);
  switch (type) {
    case 'base64':
      return [inlinePiece(source, mediaTypeAt(source, path, 'application/pdf'), path)];
    case 'text':
      mediaTypeAt(source, path, 'text/plain');
      return [{ part: { text: someTextAt(source['data'], `${path}.data`) } }];
    case 'url': {
      const [url, text] = urlAt(source, path);
      const mimeType = 'application/pdf';
      const part: Part = { fileData: { mimeType, fileUri: text } };
      return [{ path: `${path}.url`, part, remote: { url, family: mimeType } }];
    }
    case 'content':
      return blocksAt(source['content'], `${path}.content`, ['text', 'image']).flatMap(piecesOf);
  }
}

const SOURCE_FIELDS = {
  base64: mapped('type', 'media_type', 'data'),
  text: mapped('type', 'media_type', 'data'),
  url: mapped('type', 'url'),
  content: mapped('type', 'content'),
} as const satisfies Record<string, FieldRules>;

function sourceType<T extends keyof typeof SOURCE_FIELDS>(
  source: JsonObject,
  path: string,
  types: readonly T[],
): T {
  if (source['type'] === 'file') throw unsupported(`${path}.type`, NO_FILES);
  const type = wordAt(source['type'], `${path}.type`, types);
  assertFields(source, SOURCE_FIELDS[type], path);
  return type;
}

function inlinePiece(source: JsonObject, mimeType: string, path: string): Piece {
  const data = someTextAt(source['data'], `${path}.data`);
  return { path: `${path}.data`, part: { inlineData: { mimeType, data } } };
}

function mediaTypeAt(source: JsonObject, path: string, type: string): string {
  return wordAt(source['media_type'], `${path}.media_type`, [type]);
}

function urlAt(source: JsonObject, path: string): [URL, string] {
  const text = someTextAt(source['url'], `${path}.url`);
  return [publicUrl(text, `${path}.url`), text];
}
