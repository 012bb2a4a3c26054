import type { JsonObject, JsonValue } from '../../core/json.js';
import type { Piece } from '../shared/conversation.js';
import { audioPart, filePart, fileUrlPart, imagePart } from './media.mapper.js';
import {
  assertFields,
  type FieldRules,
  invalid,
  listAt,
  MAPPED,
  mapped,
  objectAt,
  only,
  present,
  refused,
  someTextAt,
  textAt,
  wordAt,
} from '../shared/request-fields.js';

const NO_FILES = refused('no files are kept here; send the data');
const BREAKPOINT = refused('prompts are cached without marks in them');

const CONTENT_FIELDS = {
  input_text: new Map([...mapped('type', 'text'), ['prompt_cache_breakpoint', BREAKPOINT]]),
  input_image: new Map([
    ...mapped('type', 'image_url', 'detail'),
    ['file_id', NO_FILES],
    ['prompt_cache_breakpoint', BREAKPOINT],
  ]),
  input_file: new Map([
    ...mapped('type', 'file_data', 'file_url', 'filename'),
    ['detail', only(['auto'], 'files are read in one way')],
    ['file_id', NO_FILES],
    ['prompt_cache_breakpoint', BREAKPOINT],
  ]),
  input_audio: mapped('type', 'input_audio'),
  output_text: new Map([
    ...mapped('type', 'text'),
    ['annotations', only([[]], 'they mean nothing to the model')],
    // What was likely then is of no use to the model.
    ['logprobs', MAPPED],
  ]),
  refusal: mapped('type', 'refusal'),
} as const satisfies Record<string, FieldRules>;

const TEXT = ['input_text'] as const;
const SAID = ['output_text', 'refusal'] as const;
const SHOWN = ['input_text', 'input_image', 'input_file', 'input_audio'] as const;
const RETURNED = ['input_text', 'input_image', 'input_file'] as const;

/** The texts of instructions. */
export function instructionTexts(value: JsonValue | undefined, path: string): string[] {
  if (typeof value === 'string') return [someTextAt(value, path)];
  return contentAt(value, path, TEXT).map(([, part, at]) => someTextAt(part['text'], `${at}.text`));
}

/** What the model said in an earlier turn. */
export function saidTexts(value: JsonValue | undefined, path: string): string[] {
  if (typeof value === 'string') return [value];
  return contentAt(value, path, SAID).map(([type, part, at]) =>
    type === 'refusal' ? textAt(part['refusal'], `${at}.refusal`) : textAt(part['text'], `${at}.text`),
  );
}

/** What a function resulted in: text, images and files; a text may be empty. */
export function resultPieces(value: JsonValue | undefined, path: string): Piece[] {
  if (typeof value === 'string') return [{ part: { text: value } }];
  return piecesOf(value, path, RETURNED, textAt);
}

/** What a user says or shows. */
export function userPieces(value: JsonValue | undefined, path: string): Piece[] {
  if (typeof value === 'string') return [{ part: { text: someTextAt(value, path) } }];
  return piecesOf(value, path, SHOWN, someTextAt);
}

function piecesOf(
  value: JsonValue | undefined,
  path: string,
  types: readonly (typeof SHOWN)[number][],
  readText: (value: JsonValue | undefined, path: string) => string,
): Piece[] {
  return contentAt(value, path, types).map(([type, part, at]): Piece => {
    switch (type) {
      case 'input_text':
        return { part: { text: readText(part['text'], `${at}.text`) } };
      case 'input_image':
        return imagePart(part['image_url'], part['detail'], `${at}.image_url`, `${at}.detail`);
      case 'input_file':
        return present(part['file_url']) === undefined
          ? filePart(part['file_data'], part['filename'], `${at}.file_data`, `${at}.filename`)
          : fileUrlPart(part['file_url'], `${at}.file_url`);
      case 'input_audio':
        return audioPart(part['input_audio'], `${at}.input_audio`);
    }
  });
}

/** The content of an item, of these types. */
function contentAt<T extends keyof typeof CONTENT_FIELDS>(
  value: JsonValue | undefined,
  path: string,
  types: readonly T[],
): [type: T, part: JsonObject, path: string][] {
  const parts = listAt(value, path);
  if (parts.length === 0) throw invalid(path, 'must not be empty');
  return parts.map((item, index) => {
    const at = `${path}[${index}]`;
    const part = objectAt(item, at);
    const type = wordAt(part['type'], `${at}.type`, types);
    assertFields(part, CONTENT_FIELDS[type], at);
    return [type, part, at];
  });
}
