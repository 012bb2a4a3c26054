import type { JsonObject, JsonValue } from '../core/json.js';

/** The values of `enum` or `const`. */
export interface Choice {
  /** Numbers, true, false and null. */
  readonly scalars: ReadonlySet<JsonValue>;
  /** Its texts by their characters; undefined where they are too long to be looked at one by one. */
  readonly texts: Letters | undefined;
  /** Whether an object or a list is among them. */
  readonly containers: boolean;
}

/** Texts by their next character (a UTF-16 code unit). */
export interface Letters {
  readonly next: Map<number, Letters>;
  /** Whether a text ends here. */
  ends: boolean;
}

/** Longest texts together that are looked at character by character. */
const MAX_CHOICE_CHARACTERS = 100_000;

/** The choice of a schema that has `enum` or `const`. */
export function choiceOf(schema: JsonObject): Choice {
  const values = Array.isArray(schema['enum']) ? schema['enum'] : [schema['const'] ?? null];
  const texts = values.filter((value) => typeof value === 'string');
  const characters = texts.reduce((sum, text) => sum + text.length, 0);
  const scalars = new Set<JsonValue>(
    values.filter((value) => typeof value !== 'string' && (typeof value !== 'object' || value === null)),
  );
  if (schema['nullable'] === true) scalars.add(null);
  return {
    scalars,
    texts: characters > MAX_CHOICE_CHARACTERS ? undefined : lettersOf(texts),
    containers: values.some((value) => typeof value === 'object' && value !== null),
  };
}

function lettersOf(texts: readonly string[]): Letters {
  const root: Letters = { next: new Map(), ends: false };
  for (const text of texts) {
    let at = root;
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      let next = at.next.get(code);
      if (next === undefined) {
        next = { next: new Map(), ends: false };
        at.next.set(code, next);
      }
      at = next;
    }
    at.ends = true;
  }
  return root;
}
