import type { JsonObject, JsonValue } from '../core/json.js';

/** How large a JSON document is. */
export interface JsonExtent {
  /** Values in it, itself included. */
  readonly nodes: number;
  /** Characters of its texts and names. */
  readonly chars: number;
  /** Levels of lists and objects; 0 for a text, a number, a boolean and null. */
  readonly depth: number;
}

/** Most of each. */
export type JsonLimits = JsonExtent;

/** What of a document is over its limits, or its extent. Looks no further than the limits. */
export type JsonMeasure = { readonly extent: JsonExtent } | { readonly over: keyof JsonExtent };

/** Measures a document level by level: neither its depth nor its size can exhaust the stack. */
export function measureJson(value: JsonValue, limits: JsonLimits): JsonMeasure {
  let nodes = 0;
  let chars = 0;
  let depth = 0;
  for (let level: JsonValue[] = [value]; ; depth += 1) {
    const next: JsonValue[] = [];
    let nested = false;
    for (const node of level) {
      nodes += 1;
      if (typeof node === 'string') chars += node.length;
      else if (typeof node === 'object' && node !== null) {
        nested = true;
        if (Array.isArray(node) && node.length > limits.nodes) return { over: 'nodes' };
        chars += Array.isArray(node) ? pushAll(node, next) : pushMembers(node, next);
      }
      if (chars > limits.chars) return { over: 'chars' };
      if (nodes + next.length > limits.nodes) return { over: 'nodes' };
    }
    if (!nested) return { extent: { nodes, chars, depth } };
    if (depth >= limits.depth) return { over: 'depth' };
    level = next;
  }
}

function pushAll(list: readonly JsonValue[], into: JsonValue[]): number {
  for (const entry of list) into.push(entry);
  return 0;
}

function pushMembers(object: JsonObject, into: JsonValue[]): number {
  let chars = 0;
  for (const name of Object.keys(object)) {
    const member = object[name];
    if (member === undefined) continue;
    chars += name.length;
    into.push(member);
  }
  return chars;
}
