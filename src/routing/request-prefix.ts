import { createHash } from 'node:crypto';
import type { JsonObject, JsonValue } from '../core/json.js';
import { isJsonObject } from '../core/json.js';

/** A beginning of a prompt. */
export interface Prefix {
  /** Of everything in it, in its order: equal where what the model reads is equal. */
  readonly hash: string;
  readonly tokens: number;
  /** Contents in it; undefined where it ends within the first one. */
  readonly contents: number | undefined;
}

/** Contents, and parts of the first content, after which a beginning may end. */
const MAX_CONTENTS = 4;
const MAX_PARTS = 4;
/** Longer beginnings are not looked at: to read them takes longer than others should wait. */
const MAX_CHARACTERS = 8_388_608;

/**
 * The beginnings of a request that others may share, longest first: system instruction and tools, then the first
 * contents, never all of them. Those of fewer than `minTokens` are left out.
 */
export function prefixesOf(
  request: Readonly<JsonObject>,
  minTokens: number,
  estimate: (part: Readonly<JsonObject>) => number,
): readonly Prefix[] {
  const { systemInstruction, tools, toolConfig, contents, cachedContent } = request;
  if (!Array.isArray(contents) || contents.length === 0 || cachedContent !== undefined) return [];
  const chain = new Chain(minTokens);
  chain.add([systemInstruction, tools, toolConfig], () =>
    estimate({
      ...(systemInstruction === undefined ? {} : { systemInstruction }),
      ...(tools === undefined ? {} : { tools }),
    }),
  );
  chain.end(0);
  for (const [index, content] of contents
    .slice(0, Math.max(1, Math.min(contents.length - 1, MAX_CONTENTS)))
    .entries()) {
    const { parts, ...about } = isJsonObject(content) ? content : { parts: undefined };
    chain.add([about], () => 0);
    const pieces = Array.isArray(parts) ? parts : [];
    const isLast = index === contents.length - 1;
    for (const [at, part] of (isLast ? pieces.slice(0, -1) : pieces).entries()) {
      chain.add([part], () => estimate({ contents: [{ parts: [part] }] }));
      if (index === 0 && at < MAX_PARTS && at < pieces.length - 1) chain.end(undefined);
    }
    if (!isLast) chain.end(index + 1);
  }
  return chain.prefixes.toReversed();
}

/** The request after a beginning that the upstream has under a name. */
export function afterPrefix(
  request: Readonly<JsonObject>,
  contents: number,
  name: string,
): Readonly<JsonObject> {
  const { systemInstruction: _, tools: __, toolConfig: ___, ...rest } = request;
  const all = request['contents'];
  return { ...rest, contents: Array.isArray(all) ? all.slice(contents) : [], cachedContent: name };
}

/** The beginning itself, as `cachedContents` takes it. */
export function prefixBody(request: Readonly<JsonObject>, contents: number): JsonObject {
  const { systemInstruction, tools, toolConfig, contents: all } = request;
  const first = Array.isArray(all) ? all.slice(0, contents) : [];
  return {
    ...(systemInstruction === undefined ? {} : { systemInstruction }),
    ...(tools === undefined ? {} : { tools }),
    ...(toolConfig === undefined ? {} : { toolConfig }),
    ...(first.length === 0 ? {} : { contents: first }),
  };
}

/** Hashes piece by piece, each with all before it. */
class Chain {
  readonly prefixes: Prefix[] = [];
  readonly #hash = createHash('sha256');
  #tokens = 0;
  #characters = 0;

  constructor(private readonly minTokens: number) {}

  add(piece: readonly (JsonValue | undefined)[], tokens: () => number): void {
    // An array's text ends where it ends: no piece runs into the next.
    const text = JSON.stringify(piece.map((value) => value ?? null));
    this.#characters += text.length;
    if (this.#characters > MAX_CHARACTERS) return;
    this.#hash.update(text);
    this.#tokens += tokens();
  }

  end(contents: number | undefined): void {
    if (this.#characters > MAX_CHARACTERS || this.#tokens < this.minTokens) return;
    const hash = this.#hash.copy().digest('base64url').slice(0, 32);
    this.prefixes.push({ hash, tokens: Math.round(this.#tokens), contents });
  }
}
