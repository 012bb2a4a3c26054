import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import type { ChunkEvent } from '../core/generation.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import type { AnswerCipher } from './answer-cipher.js';
import type { StoredAnswer } from './stored-answer.js';
import { UnreadableAnswer } from './unreadable-answer.js';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** First byte of every value. Counts up when older values cannot be read any more. */
const FORM = 1;
const PLAIN = 0;
const COMPRESSED = 1;

/** How answers become bytes. */
export interface AnswerCodecOptions {
  readonly compressAboveBytes: number;
  /** More than this is never made of a value: a small one may stand for gigabytes. */
  readonly maxBytes: number;
  readonly cipher: AnswerCipher;
}

/**
 * Answers as bytes: a byte of form, a byte that says whether what follows is compressed, and JSON, sealed as a whole.
 * What was cut, changed or stored under another key is refused.
 */
export class AnswerCodec {
  constructor(private readonly options: AnswerCodecOptions) {}

  /** Rejects where there is no key to encrypt with though one is configured. */
  async encode(key: string, answer: StoredAnswer): Promise<Buffer> {
    const { compressAboveBytes, cipher } = this.options;
    const json = Buffer.from(JSON.stringify({ ...answer, chunks: answer.chunks.map(slim) }));
    const large = json.length > compressAboveBytes;
    const body = large ? await compress(json, { params: { [constants.ZSTD_c_compressionLevel]: 3 } }) : json;
    const inside = Buffer.concat([Buffer.of(FORM, large ? COMPRESSED : PLAIN), body]);
    return cipher.seal(key, inside);
  }

  /** Rejects with an UnreadableAnswer for whatever `encode` did not make for this key. */
  async decode(key: string, bytes: Buffer): Promise<StoredAnswer> {
    const inside = this.options.cipher.open(key, bytes);
    const [form, packing] = inside;
    if (form !== FORM || (packing !== PLAIN && packing !== COMPRESSED))
      throw new UnreadableAnswer('The value is of a form that is not known.');
    try {
      const body = inside.subarray(2);
      const json =
        packing === PLAIN ? body : await decompress(body, { maxOutputLength: 2 * this.options.maxBytes });
      return answerOf(JSON.parse(json.toString()) as unknown);
    } catch (cause) {
      throw new UnreadableAnswer('The value is no answer.', { cause });
    }
  }
}

/** A chunk whose value is what its text says needs no value. */
function slim({ type, value, text, usage }: ChunkEvent): object {
  return { type, ...(text === undefined ? { value } : { text }), ...(usage === undefined ? {} : { usage }) };
}

/** What was sealed by a key or a digest was made here: its parts need no further look. */
function answerOf(value: unknown): StoredAnswer {
  if (!isJsonObject(value) || !Array.isArray(value['chunks'])) throw new TypeError('no answer');
  const answer = value as unknown as StoredAnswer;
  return { ...answer, chunks: answer.chunks.map(whole) };
}

function whole(chunk: ChunkEvent): ChunkEvent {
  return chunk.text === undefined ? chunk : { ...chunk, value: JSON.parse(chunk.text) as JsonObject };
}
