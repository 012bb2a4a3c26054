import { isJsonObject, type JsonObject } from '../core/json.js';

/**
 * Tokens of media by Google's rules (ai.google.dev/gemini-api/docs/tokens and /media-resolution, 2026-11): Gemini 2 cuts
 * images into tiles, Gemini 3 and newer give each image, page and frame a fixed number by resolution.
 */
const TILE_TOKENS = 258;
const TILE_PIXELS = 768;
const SMALL_PIXELS = 384;
const AUDIO_TOKENS_PER_SECOND = 32;
const FRAMES_PER_SECOND = 1;
const FIXED = {
  LOW: { image: 280, page: 280, frame: 70 },
  MEDIUM: { image: 560, page: 560, frame: 70 },
  HIGH: { image: 1_120, page: 1_120, frame: 280 },
  ULTRA_HIGH: { image: 2_240, page: 2_240, frame: 280 },
  UNSPECIFIED: { image: 1_120, page: 560, frame: 70 },
} as const;
const TILED = { page: 258, frame: 258, lowFrame: 66 } as const;

/** Bytes of a second where nothing in the file tells: speech as MP3, video as phones send it. */
const AUDIO_BYTES_PER_SECOND = 16_000;
const VIDEO_BYTES_PER_SECOND = 250_000;
/** What a file counts that is named only, so that nobody knows its size. */
const UNSEEN = { pages: 10, seconds: 60 } as const;
/** Headers of images are within so many characters of base64. */
const HEADER_CHARACTERS = 65_536;

/** How a model reads media. */
export interface MediaRules {
  /** Whether images are cut into tiles (Gemini 2). */
  readonly tiles: boolean;
  /** `MEDIA_RESOLUTION_…` of the request, where it has one. */
  readonly resolution: string | undefined;
}

/** About how many tokens a part's media take; 0 for a part without any, undefined for media read as text. */
export function mediaTokens(part: JsonObject, rules: MediaRules): number | undefined {
  const inline = isJsonObject(part['inlineData']) ? part['inlineData'] : undefined;
  const media = inline ?? (isJsonObject(part['fileData']) ? part['fileData'] : undefined);
  if (media === undefined) return 0;
  const type = typeof media['mimeType'] === 'string' ? media['mimeType'].toLowerCase() : '';
  const data = inline && typeof inline['data'] === 'string' ? inline['data'] : undefined;
  const own = isJsonObject(part['mediaResolution']) ? part['mediaResolution']['level'] : undefined;
  const level = levelOf(typeof own === 'string' ? own : rules.resolution);
  const { image, page, frame } = FIXED[level];
  const bytes = data === undefined ? undefined : Buffer.byteLength(data, 'base64');
  if (type.startsWith('image/')) return rules.tiles ? tiledImage(data) : image;
  if (type === 'application/pdf') return pagesOf(data) * (rules.tiles ? TILED.page : page);
  if (type.startsWith('audio/')) return audioSeconds(data, bytes) * AUDIO_TOKENS_PER_SECOND;
  if (type.startsWith('video/')) {
    const seconds = bytes === undefined ? UNSEEN.seconds : bytes / VIDEO_BYTES_PER_SECOND;
    const perFrame = rules.tiles ? (level === 'LOW' ? TILED.lowFrame : TILED.frame) : frame;
    return Math.ceil(seconds * (FRAMES_PER_SECOND * perFrame + AUDIO_TOKENS_PER_SECOND));
  }
  return undefined;
}

function levelOf(resolution: string | undefined): keyof typeof FIXED {
  const level = resolution?.replace(/^MEDIA_RESOLUTION_/i, '').toUpperCase() ?? '';
  return Object.hasOwn(FIXED, level) ? (level as keyof typeof FIXED) : 'UNSPECIFIED';
}

function tiledImage(data: string | undefined): number {
  const size = data === undefined ? undefined : imageSize(data);
  if (size === undefined || (size.width <= SMALL_PIXELS && size.height <= SMALL_PIXELS)) return TILE_TOKENS;
  return TILE_TOKENS * Math.ceil(size.width / TILE_PIXELS) * Math.ceil(size.height / TILE_PIXELS);
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Width and height of a PNG, GIF, WebP or JPEG; undefined where its header does not tell. */
function imageSize(base64: string): Size | undefined {
  const bytes = Buffer.from(base64.slice(0, HEADER_CHARACTERS), 'base64');
  if (bytes.length < 30) return undefined;
  if (bytes.readUInt32BE(0) === 0x89504e47)
    return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
  const start = bytes.toString('latin1', 0, 16);
  if (start.startsWith('GIF8')) return { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
  if (start.startsWith('RIFF') && start.startsWith('WEBPVP8X', 8))
    return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
  if (start.startsWith('RIFF') && start.startsWith('WEBPVP8 ', 8))
    return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
  return bytes.readUInt16BE(0) === 0xffd8 ? jpegSize(bytes) : undefined;
}

function jpegSize(bytes: Buffer): Size | undefined {
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1] ?? 0;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}

function audioSeconds(data: string | undefined, bytes: number | undefined): number {
  if (data === undefined || bytes === undefined) return UNSEEN.seconds;
  const header = Buffer.from(data.slice(0, 64), 'base64');
  const wave =
    header.length >= 32 && header.toString('latin1', 8, 12) === 'WAVE' ? header.readUInt32LE(28) : 0;
  return Math.ceil(bytes / (wave > 0 ? wave : AUDIO_BYTES_PER_SECOND));
}

const PAGE = Buffer.from('/Type/Page');
const SPACED_PAGE = Buffer.from('/Type /Page');

/** Page objects that can be read without unpacking; a PDF that packs them counts by its size. */
function pagesOf(data: string | undefined): number {
  if (data === undefined) return UNSEEN.pages;
  const bytes = Buffer.from(data, 'base64');
  let pages = 0;
  for (const mark of [PAGE, SPACED_PAGE]) {
    for (let at = bytes.indexOf(mark); at !== -1; at = bytes.indexOf(mark, at + 1))
      // `/Pages` is the tree, not a page.
      if (bytes[at + mark.length] !== 0x73) pages += 1;
  }
  return pages > 0 ? pages : Math.max(1, Math.ceil(bytes.length / 50_000));
}
