/** Characters that one token takes on the average, by script. Measured of SentencePiece vocabularies of Gemini's kind. */
const CHARACTERS_PER_TOKEN = {
  latin: 4,
  // Each digit is a token of its own.
  digit: 1,
  space: 6,
  cyrillic: 2.8,
  han: 1.4,
  kana: 1.6,
  hangul: 1.5,
  arabic: 2.6,
  indic: 2.2,
  other: 1.3,
} as const;
type Script = keyof typeof CHARACTERS_PER_TOKEN;

/** Beyond so many characters, slices spread over the text stand for the whole. */
const SAMPLED_CHARACTERS = 16_384;
const SLICES = 32;

/** About how many tokens a text takes. At most a sixteen-thousand-character sample of it is looked at. */
export function textTokens(text: string): number {
  if (text.length <= SAMPLED_CHARACTERS) return tokensOf(text, 0, text.length);
  const slice = SAMPLED_CHARACTERS / SLICES;
  const step = (text.length - slice) / (SLICES - 1);
  let tokens = 0;
  for (let at = 0; at < SLICES; at += 1) {
    const from = Math.floor(at * step);
    tokens += tokensOf(text, from, from + slice);
  }
  return (tokens * text.length) / SAMPLED_CHARACTERS;
}

function tokensOf(text: string, from: number, to: number): number {
  let tokens = 0;
  for (let at = from; at < to; at += 1) tokens += 1 / CHARACTERS_PER_TOKEN[scriptOf(text.charCodeAt(at))];
  return tokens;
}

/** By UTF-16 unit: what is outside the basic plane counts as two units of another script. */
function scriptOf(unit: number): Script {
  if (unit < 0x80) {
    if (unit >= 0x30 && unit <= 0x39) return 'digit';
    return unit <= 0x20 ? 'space' : 'latin';
  }
  if (unit < 0x370) return 'latin';
  if (unit < 0x530) return 'cyrillic';
  if (unit >= 0x590 && unit < 0x780) return 'arabic';
  if (unit >= 0x900 && unit < 0x0e80) return 'indic';
  if (unit >= 0x3040 && unit < 0x3100) return 'kana';
  if (unit >= 0x3400 && unit < 0xa000) return 'han';
  if (unit >= 0xac00 && unit < 0xd7b0) return 'hangul';
  return unit >= 0x1e00 && unit < 0x2070 ? 'latin' : 'other';
}
