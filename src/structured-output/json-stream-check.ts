import type { JsonObject } from '../core/json.js';
import type { SchemaError } from './compiled-schema.js';
import { JsonScanner } from './json-scanner.js';
import type { JsonKind, ScanListener } from './scan-listener.js';
import type { Letters } from './schema-choice.js';
import { ANY, SchemaShapes, type Shape } from './schema-shape.js';

/** Deepest document that is read. */
export const MAX_DEPTH = 512;
const MAX_SHOWN_NAME = 100;

/** A value that is being read. */
interface Frame {
  readonly shape: Shape;
  readonly kind: JsonKind;
  /** Of a list: items so far. */
  items: number;
  /** Of an object: the member at hand. */
  name: string;
  member: Shape;
  /** Of an object: required members that have not come. */
  missing: Set<string> | undefined;
  /** Of a string: characters so far, and the texts that it may still become. */
  length: number;
  letters: Letters | undefined;
}

/**
 * Checks a JSON document against its schema while it comes, as far as that can be decided early: no JSON, a wrong
 * type, a member that may not be there or is missing, a value that is none of those allowed, a list or a text that is
 * too long. Whatever it finds, the whole document would not be valid; that it finds nothing does not say that the
 * document is. A member that comes twice is judged each time. Time is linear in the text, memory bounded.
 */
export class JsonStreamCheck implements ScanListener {
  readonly #scanner = new JsonScanner(this, MAX_DEPTH);
  readonly #frames: Frame[] = [];
  readonly #root: Shape;
  #violation: SchemaError | undefined;
  wantsText = false;
  #afterHighSurrogate = false;

  constructor(schema: JsonObject) {
    this.#root = new SchemaShapes(schema).root;
  }

  /** The next piece of the document. The first thing that is wrong, or undefined; once found, it stays. */
  feed(piece: string): SchemaError | undefined {
    if (this.#violation !== undefined) return this.#violation;
    if (!this.#scanner.feed(piece)) {
      const { fault } = this.#scanner;
      if (fault !== undefined) this.#violation = { path: '', ...fault };
    }
    return this.#violation;
  }

  begin(kind: JsonKind): boolean {
    const parent = this.#frames.at(-1);
    const shape = this.#shapeOfNext(parent);
    const frame: Frame = {
      shape,
      kind,
      items: 0,
      name: '',
      member: ANY,
      missing: kind === 'object' && shape.required.length > 0 ? new Set(shape.required) : undefined,
      length: 0,
      letters: kind === 'string' ? shape.choice?.texts : undefined,
    };
    this.#frames.push(frame);
    if (parent?.kind === 'array') {
      parent.items += 1;
      if (parent.items > parent.shape.maxItems)
        return this.#violates('maxItems', `must NOT have more than ${parent.shape.maxItems} items`, 1);
    }
    if (shape.never) return this.#violates('false schema', 'must not be there');
    if (shape.kinds !== undefined && !shape.kinds.has(kind))
      return this.#violates('type', `must be ${[...shape.kinds].join(' or ')}`);
    const { choice } = shape;
    if (choice !== undefined && (kind === 'object' || kind === 'array') && !choice.containers)
      return this.#violatesChoice();
    if (kind === 'string') {
      this.wantsText = frame.letters !== undefined || shape.maxLength !== Infinity;
      this.#afterHighSurrogate = false;
    }
    return false;
  }

  text(piece: string): boolean {
    const frame = this.#frames.at(-1);
    if (frame === undefined) return false;
    for (let index = 0; index < piece.length; index += 1) {
      const code = piece.charCodeAt(index);
      if (frame.letters !== undefined) {
        frame.letters = frame.letters.next.get(code);
        if (frame.letters === undefined) return this.#violatesChoice();
      }
      // A pair of surrogates is one character.
      const isSecond = this.#afterHighSurrogate && code >= 0xdc00 && code <= 0xdfff;
      this.#afterHighSurrogate = code >= 0xd800 && code <= 0xdbff;
      if (!isSecond) frame.length += 1;
      if (frame.length > frame.shape.maxLength) {
        const { maxLength } = frame.shape;
        return this.#violates('maxLength', `must NOT have more than ${maxLength} characters`);
      }
    }
    return false;
  }

  member(name: string | undefined): boolean {
    const frame = this.#frames.at(-1);
    if (frame === undefined) return false;
    frame.name = (name ?? '').slice(0, MAX_SHOWN_NAME);
    frame.member = ANY;
    if (name === undefined) return false;
    frame.missing?.delete(name);
    const shape = frame.shape.member(name);
    if (shape === undefined)
      return this.#violates('additionalProperties', `must NOT have the property "${frame.name}"`);
    frame.member = shape;
    return false;
  }

  scalar(value: number | boolean | null | undefined): boolean {
    const shape = this.#frames.at(-1)?.shape;
    if (shape === undefined || value === undefined) return false;
    if (typeof value === 'number' && shape.whole && !Number.isInteger(value))
      return this.#violates('type', 'must be integer');
    return shape.choice !== undefined && !shape.choice.scalars.has(value) ? this.#violatesChoice() : false;
  }

  end(): boolean {
    const frame = this.#frames.at(-1);
    this.wantsText = false;
    if (frame?.letters !== undefined && !frame.letters.ends) return this.#violatesChoice();
    const [missing] = frame?.missing ?? [];
    if (missing !== undefined)
      return this.#violates('required', `must have the property "${missing.slice(0, MAX_SHOWN_NAME)}"`);
    this.#frames.pop();
    return false;
  }

  slip(): void {
    // Can be mended when the document is whole.
  }

  #shapeOfNext(parent: Frame | undefined): Shape {
    if (parent === undefined) return this.#root;
    return parent.kind === 'array' ? parent.shape.item(parent.items) : parent.member;
  }

  #violatesChoice(): true {
    return this.#violates('enum', 'must be one of the values allowed');
  }

  /** Notes what is wrong with the value at hand, or with one so many levels around it. */
  #violates(keyword: string, message: string, above = 0): true {
    const frames = this.#frames.slice(0, this.#frames.length - above);
    const path = frames
      .slice(0, -1)
      .map(({ kind, items, name }) => `/${kind === 'array' ? items - 1 : escaped(name)}`)
      .join('');
    this.#violation ??= { path, message, keyword };
    return true;
  }
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
