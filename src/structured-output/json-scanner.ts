import type { ScanFault, ScanListener, Tail } from './scan-listener.js';

type Expect =
  | 'start'
  | 'value'
  | 'element'
  | 'nextElement'
  | 'member'
  | 'nextMember'
  | 'colon'
  | 'after'
  | 'done';
type Mode = 'between' | 'string' | 'escape' | 'unicode' | 'number' | 'literal' | 'fence';

const LITERALS = { t: 'true', f: 'false', n: 'null' } as const;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};
const MAX_NUMBER_LENGTH = 400;
const MAX_FENCE_LENGTH = 40;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FIRST_PRINTABLE = 0x20;

/** Longest name of a member that is read. */
const MAX_NAME_LENGTH = 1_024;

/**
 * Reads a JSON document (RFC 8259) piece by piece, however it is cut. Takes a Markdown fence around it, and slips that
 * can be mended. Time is linear in the text; memory is bounded by `maxDepth`, whatever the text.
 */
export class JsonScanner {
  #expect: Expect = 'start';
  #mode: Mode = 'between';
  /** For each open container, what closes it; outermost first. */
  readonly #closers: string[] = [];
  #fault: ScanFault | undefined;
  #stopped = false;
  /** Offset of the piece at hand. */
  #base = 0;
  /** Behind the last value that is whole, or the last bracket that opened. */
  #safe = 0;
  #isName = false;
  #name = '';
  #nameTooLong = false;
  /** Where the escape at hand began, and its digits. */
  #escapeAt = 0;
  #digits = '';
  /** The number, literal or fence at hand. */
  #word = '';
  #fenced = false;
  #comma = 0;
  #startedAt: number | undefined;

  constructor(
    private readonly listener: ScanListener,
    private readonly maxDepth: number,
  ) {}

  /** Why the text is no document, as far as it was read. */
  get fault(): ScanFault | undefined {
    return this.#fault;
  }

  /** Whether the document is whole. A number that stands alone never is: another digit may follow. */
  get complete(): boolean {
    return this.#expect === 'done';
  }

  /** Where the document began, behind fence and white space; undefined where it did not. */
  get startedAt(): number | undefined {
    return this.#startedAt;
  }

  /** Reads on. False once there is a fault or the listener has heard enough; nothing is read after that. */
  feed(piece: string): boolean {
    let at = 0;
    while (at < piece.length && !this.#stopped) at = this.#step(piece, at);
    this.#base += piece.length;
    return !this.#stopped;
  }

  /** How the document, which broke off in an object or array, ends soonest; undefined where it is none of these. */
  tail(): Tail | undefined {
    if (this.#closers.length === 0 || this.#stopped) return undefined;
    const closing = this.#closers.toReversed().join('');
    const inString = this.#mode === 'string' || this.#mode === 'escape' || this.#mode === 'unicode';
    if (!inString || this.#isName) return { keep: this.#safe, closing };
    return { keep: this.#mode === 'string' ? this.#base : this.#escapeAt, closing: `"${closing}` };
  }

  #step(piece: string, at: number): number {
    switch (this.#mode) {
      case 'between':
        return this.#between(piece, at);
      case 'string':
        return this.#string(piece, at);
      case 'escape':
        return this.#escape(piece.charAt(at), at + 1);
      case 'unicode':
        return this.#unicode(piece.charAt(at), at + 1);
      case 'number':
        return this.#number(piece, at);
      case 'literal':
        return this.#literal(piece.charAt(at), at + 1);
      case 'fence':
        return this.#fence(piece.charAt(at), at + 1);
    }
  }

  #between(piece: string, at: number): number {
    const character = piece.charAt(at);
    if (character === ' ' || character === '\n' || character === '\r' || character === '\t') return at + 1;
    const offset = this.#base + at;
    switch (this.#expect) {
      case 'start':
        if (character === '\uFEFF' && offset === 0) return at + 1;
        if (character === '`' && !this.#fenced) return this.#enter('fence', at);
        return this.#value(character, at);
      case 'value':
        return this.#value(character, at);
      case 'element':
        return character === ']' ? this.#close(at) : this.#value(character, at);
      case 'nextElement':
        if (character !== ']') return this.#value(character, at);
        this.listener.slip('comma', this.#comma);
        return this.#close(at);
      case 'member':
        return character === '}' ? this.#close(at) : this.#openName(character, at);
      case 'nextMember':
        if (character !== '}') return this.#openName(character, at);
        this.listener.slip('comma', this.#comma);
        return this.#close(at);
      case 'colon':
        if (character !== ':') return this.#fail('a colon must follow the name of a member', at);
        this.#expect = 'value';
        return at + 1;
      case 'after':
        if (character === this.#closers.at(-1)) return this.#close(at);
        if (character !== ',') return this.#fail('a comma or a closing bracket must follow a value', at);
        this.#comma = offset;
        this.#expect = this.#closers.at(-1) === ']' ? 'nextElement' : 'nextMember';
        return at + 1;
      case 'done':
        if (character === '`' && this.#fenced) return at + 1;
        return this.#fail('nothing may follow the document', at);
    }
  }

  #value(character: string, at: number): number {
    this.#startedAt ??= this.#base + at;
    switch (character) {
      case '{':
      case '[':
        return this.#open(character, at);
      case '"':
        this.#isName = false;
        this.#tell(this.listener.begin('string'));
        return this.#enter('string', at + 1);
      case 't':
      case 'f':
      case 'n':
        this.#tell(this.listener.begin(character === 'n' ? 'null' : 'boolean'));
        return this.#enter('literal', at);
      default:
        if (character !== '-' && (character < '0' || character > '9'))
          return this.#fail('a value must begin here', at);
        this.#tell(this.listener.begin('number'));
        return this.#enter('number', at);
    }
  }

  #open(character: string, at: number): number {
    if (this.#closers.length === this.maxDepth) {
      this.#stop({ message: `must not be nested deeper than ${this.maxDepth} levels`, keyword: 'depth' });
      return at;
    }
    const isObject = character === '{';
    this.#tell(this.listener.begin(isObject ? 'object' : 'array'));
    this.#closers.push(isObject ? '}' : ']');
    this.#expect = isObject ? 'member' : 'element';
    this.#safe = this.#base + at + 1;
    return at + 1;
  }

  #close(at: number): number {
    this.#closers.pop();
    return this.#over(at + 1);
  }

  #openName(character: string, at: number): number {
    if (character !== '"') return this.#fail('the name of a member must begin here', at);
    this.#isName = true;
    this.#name = '';
    this.#nameTooLong = false;
    return this.#enter('string', at + 1);
  }

  #string(piece: string, from: number): number {
    for (let at = from; at < piece.length; at += 1) {
      const code = piece.charCodeAt(at);
      if (code === QUOTE || code === BACKSLASH) {
        this.#take(piece, from, at);
        if (code === QUOTE) return this.#closeString(at + 1);
        this.#escapeAt = this.#base + at;
        return this.#enter('escape', at + 1);
      }
      if (code < FIRST_PRINTABLE) this.listener.slip('control', this.#base + at);
    }
    this.#take(piece, from, piece.length);
    return piece.length;
  }

  #take(piece: string, from: number, to: number): void {
    if (from === to) return;
    if (this.#isName) {
      if (this.#name.length + to - from > MAX_NAME_LENGTH) this.#nameTooLong = true;
      else this.#name += piece.slice(from, to);
    } else if (this.listener.wantsText) {
      this.#tell(this.listener.text(piece.slice(from, to)));
    }
  }

  #closeString(at: number): number {
    this.#mode = 'between';
    if (!this.#isName) return this.#over(at);
    this.#tell(this.listener.member(this.#nameTooLong ? undefined : this.#name));
    this.#expect = 'colon';
    return at;
  }

  #escape(character: string, at: number): number {
    if (character === 'u') {
      this.#digits = '';
      return this.#enter('unicode', at);
    }
    const meant = ESCAPES[character];
    if (meant === undefined) return this.#fail('a backslash must be followed by what it may escape', at - 1);
    this.#take(meant, 0, 1);
    return this.#enter('string', at);
  }

  #unicode(character: string, at: number): number {
    if (!/[\da-f]/i.test(character)) return this.#fail('four hexadecimal digits must follow \\u', at - 1);
    this.#digits += character;
    if (this.#digits.length < 4) return at;
    this.#take(String.fromCharCode(Number.parseInt(this.#digits, 16)), 0, 1);
    return this.#enter('string', at);
  }

  #number(piece: string, from: number): number {
    let at = from;
    while (at < piece.length && isOfNumber(piece.charCodeAt(at))) at += 1;
    if (this.#word.length <= MAX_NUMBER_LENGTH) this.#word += piece.slice(from, at);
    if (at === piece.length) return at;
    if (this.#word.length > MAX_NUMBER_LENGTH) return this.#scalar(undefined, at);
    if (!NUMBER.test(this.#word)) return this.#fail('is not a number', at);
    return this.#scalar(Number(this.#word), at);
  }

  #literal(character: string, at: number): number {
    this.#word += character;
    const meant = LITERALS[this.#word.charAt(0) as keyof typeof LITERALS];
    if (!meant.startsWith(this.#word)) return this.#fail('a value must begin here', at - 1);
    if (this.#word !== meant) return at;
    return this.#scalar(meant === 'null' ? null : meant === 'true', at);
  }

  /** Three backticks and the rest of their line. */
  #fence(character: string, at: number): number {
    this.#word += character;
    const soFar = this.#word.slice(0, 3);
    if (!'```'.startsWith(soFar) || this.#word.length > MAX_FENCE_LENGTH)
      return this.#fail('a value must begin here', at - 1);
    if (character !== '\n') return at;
    this.#fenced = true;
    return this.#enter('between', at);
  }

  #scalar(value: number | boolean | null | undefined, at: number): number {
    this.#mode = 'between';
    this.#tell(this.listener.scalar(value));
    return this.#over(at);
  }

  #over(at: number): number {
    this.#safe = this.#base + at;
    this.#expect = this.#closers.length === 0 ? 'done' : 'after';
    this.#tell(this.listener.end());
    return at;
  }

  #enter(mode: Mode, at: number): number {
    // An escape is left for the string that it stands in, whose text goes on.
    if (mode !== 'string' && mode !== 'escape' && mode !== 'unicode') this.#word = '';
    this.#mode = mode;
    return at;
  }

  #tell(enough: boolean): void {
    if (enough) this.#stopped = true;
  }

  #fail(message: string, at: number): number {
    this.#stop({ message: `is no JSON at character ${this.#base + at}: ${message}`, keyword: 'syntax' });
    return at;
  }

  #stop(fault: ScanFault): void {
    this.#fault = fault;
    this.#stopped = true;
  }
}

/** Digits, signs, the point and the letter of an exponent. */
function isOfNumber(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d ||
    code === 0x2b ||
    code === 0x2e ||
    (code | 0x20) === 0x65
  );
}
