import type { JsonObject } from '../core/json.js';
import type { Random } from './random.js';

const WORDS = (
  'amber basin cedar delta ember fjord grove harbor island juniper kelp lagoon meadow nectar orchard ' +
  'prairie quartz river summit tundra upland valley willow yarrow'
).split(' ');

const two = (value: number): string => String(value).padStart(2, '0');
const date = (random: Random): string =>
  `20${random.integer(20, 39)}-${two(random.integer(1, 12))}-${two(random.integer(1, 28))}`;
const time = (random: Random): string =>
  `${two(random.integer(0, 23))}:${two(random.integer(0, 59))}:${two(random.integer(0, 59))}Z`;
const hex = (random: Random, digits: number): string =>
  Array.from({ length: digits }, () => random.integer(0, 15).toString(16)).join('');
const octets = (random: Random): string => Array.from({ length: 4 }, () => random.integer(1, 254)).join('.');

const FORMATS: Readonly<Record<string, (random: Random) => string>> = {
  date,
  time,
  'date-time': (random) => `${date(random)}T${time(random)}`,
  duration: (random) => `PT${random.integer(1, 59)}M`,
  email: (random) => `${random.pick(WORDS)}@example.com`,
  hostname: (random) => `${random.pick(WORDS)}.example.com`,
  ipv4: octets,
  ipv6: (random) => Array.from({ length: 8 }, () => hex(random, 4)).join(':'),
  uri: (random) => `https://example.com/${random.pick(WORDS)}`,
  url: (random) => `https://example.com/${random.pick(WORDS)}`,
  uuid: (random) =>
    `${hex(random, 8)}-${hex(random, 4)}-4${hex(random, 3)}-a${hex(random, 3)}-${hex(random, 12)}`,
  byte: (random) => Buffer.from(random.pick(WORDS)).toString('base64'),
};

/** A word. */
export function randomWord(random: Random): string {
  return random.pick(WORDS);
}

/**
 * A string that fits `format`, `minLength` and `maxLength`, and `pattern` where that is built of literals,
 * classes, escapes, groups, alternatives and quantifiers.
 */
export function randomString(schema: JsonObject, random: Random): string {
  if (typeof schema.pattern === 'string') return new PatternText(schema.pattern, random).make();
  const made = typeof schema.format === 'string' ? FORMATS[schema.format]?.(random) : undefined;
  if (made !== undefined) return made;
  const minimum = typeof schema.minLength === 'number' ? schema.minLength : 0;
  const maximum = typeof schema.maxLength === 'number' ? schema.maxLength : Infinity;
  let text = `${random.pick(WORDS)} ${random.pick(WORDS)}`;
  while (text.length < minimum) text += ` ${random.pick(WORDS)}`;
  return text.length > maximum ? text.slice(0, maximum) : text;
}

const CLASSES: Readonly<Record<string, string>> = {
  d: '0123456789',
  w: 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_',
  s: ' ',
  D: 'abcdefghijklmnopqrstuvwxyz',
  W: '-',
  S: 'abcdefghijklmnopqrstuvwxyz',
};
const PRINTABLE = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join('');

/** Walks a pattern once, from left to right, and writes text that it matches. */
class PatternText {
  private at = 0;

  constructor(
    private readonly pattern: string,
    private readonly random: Random,
  ) {}

  make(): string {
    return this.random.pick(this.alternatives())();
  }

  private alternatives(): (() => string)[] {
    const branches: (() => string)[] = [];
    let pieces: (() => string)[] = [];
    const close = (): void => {
      const own = pieces;
      branches.push(() => own.map((piece) => piece()).join(''));
      pieces = [];
    };
    while (this.at < this.pattern.length && this.pattern[this.at] !== ')') {
      if (this.pattern[this.at] === '|') {
        this.at++;
        close();
      } else pieces.push(this.quantified());
    }
    close();
    return branches;
  }

  private quantified(): () => string {
    const atom = this.atom();
    const found = /^(?:\{(\d+)(,?)(\d*)\}|([?*+]))\??/.exec(this.pattern.slice(this.at));
    if (found === null) return atom;
    this.at += found[0].length;
    const [, least, comma, most, sign] = found;
    const minimum = sign === undefined ? Number(least) : sign === '+' ? 1 : 0;
    const bounded = sign === '?' ? 1 : most !== undefined && most !== '' ? Number(most) : minimum + 3;
    const maximum = sign === undefined && comma === '' ? minimum : bounded;
    return () => Array.from({ length: this.random.integer(minimum, maximum) }, () => atom()).join('');
  }

  private atom(): () => string {
    const sign = this.pattern[this.at++] ?? '';
    if (sign === '^' || sign === '$') return () => '';
    if (sign === '.') return () => this.random.pick(CLASSES.w!.split(''));
    if (sign === '[') return this.oneOf(this.characterClass());
    if (sign === '\\') {
      const escaped = this.pattern[this.at++] ?? '';
      return this.oneOf(CLASSES[escaped] ?? escaped);
    }
    if (sign !== '(') return () => sign;
    if (this.pattern.startsWith('?:', this.at)) this.at += 2;
    const branches = this.alternatives();
    this.at++;
    return () => this.random.pick(branches)();
  }

  private oneOf(characters: string): () => string {
    return () => this.random.pick(characters.split(''));
  }

  private characterClass(): string {
    const negated = this.pattern[this.at] === '^';
    if (negated) this.at++;
    let members = '';
    while (this.at < this.pattern.length && this.pattern[this.at] !== ']') {
      const first = this.pattern[this.at++] ?? '';
      if (first === '\\') {
        const escaped = this.pattern[this.at++] ?? '';
        members += CLASSES[escaped] ?? escaped;
      } else if (this.pattern[this.at] === '-' && this.pattern[this.at + 1] !== ']') {
        const last = this.pattern[this.at + 1] ?? first;
        this.at += 2;
        for (let code = first.charCodeAt(0); code <= last.charCodeAt(0); code++)
          members += String.fromCharCode(code);
      } else members += first;
    }
    this.at++;
    return negated ? PRINTABLE.replaceAll(/./g, (each) => (members.includes(each) ? '' : each)) : members;
  }
}
