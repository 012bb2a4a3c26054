import { isDeepStrictEqual } from 'node:util';
import type { Call } from '../core/call.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import type { CompiledSchema, Relaxation, WireForm, WireSchemas } from './compiled-schema.js';
import { relaxFurther } from './gemini-schema.js';

/** Field of the settings of a request that has each form. */
const FIELD = {
  jsonSchema: 'responseJsonSchema',
  openApiSchema: 'responseSchema',
} as const satisfies Record<WireForm, string>;

/** How a caller brought a schema: in either form of Gemini's own, or by name. */
export type SchemaOrigin = WireForm | 'name';

/** Steps of the ladder that Gemini was seen to need for a schema; none for a schema that it took. */
const levels = new WeakMap<CompiledSchema, number>();
/** Whether Gemini takes a schema just as the caller gave it; each is looked at once. */
const asGiven = new WeakMap<CompiledSchema, boolean>();

/** The schema of a call, and how the upstream hears of it. */
export class AskedSchema {
  private constructor(
    readonly compiled: CompiledSchema,
    private readonly form: WireForm,
    /** Undefined where the request says already what is to be said. */
    private readonly told: WireSchemas | undefined,
    private readonly level: number,
    /** What the upstream is not told. */
    readonly relaxed: readonly Relaxation[],
  ) {}

  /**
   * A schema with as much of it as the upstream is known to take.
   *
   * @param keepsRequest whether a request that says all of it already is to stay as it is, to the letter.
   */
  static of(compiled: CompiledSchema, origin: SchemaOrigin, keepsRequest: boolean): AskedSchema {
    const form = origin === 'openApiSchema' ? origin : 'jsonSchema';
    const level = levels.get(compiled) ?? 0;
    const lowered = level === 0 ? undefined : relaxFurther(compiled, level);
    if (lowered !== undefined) return AskedSchema.#told(compiled, form, lowered, level);
    // In the upstream's own form it goes as it is.
    if (form === 'openApiSchema') return new AskedSchema(compiled, form, undefined, 0, []);
    const { relaxed } = AskedSchema.#told(compiled, form, compiled, 0);
    const told = keepsRequest && origin === 'jsonSchema' && isAsGiven(compiled) ? undefined : compiled;
    return new AskedSchema(compiled, form, told, 0, relaxed);
  }

  static #told(compiled: CompiledSchema, form: WireForm, wire: WireSchemas, level: number): AskedSchema {
    const relaxed = wire.relaxed.filter((relaxation) => (relaxation.form ?? form) === form);
    return new AskedSchema(compiled, form, wire, level, relaxed);
  }

  /** The same with less said to the upstream, which refused it; undefined where nothing is left to leave out. */
  simpler(): AskedSchema | undefined {
    const level = this.level + 1;
    const wire = relaxFurther(this.compiled, level);
    return wire && AskedSchema.#told(this.compiled, this.form, wire, level);
  }

  /** The upstream took it: further calls begin with as much. */
  accepted(): void {
    if (this.level > 0) levels.set(this.compiled, this.level);
  }

  /** The call as it goes on: the very same one where its request says already what is to be said. */
  call(call: Call): Call {
    if (this.told === undefined) return call;
    const { requestText: _text, ...rest } = call;
    const given = call.request['generationConfig'];
    const config: JsonObject = {
      ...(isJsonObject(given) ? given : {}),
      [FIELD[this.form]]: this.told[this.form],
    };
    config['responseMimeType'] ??= 'application/json';
    return { ...rest, request: { ...call.request, generationConfig: config } };
  }
}

/** But for the order of members, which Gemini keeps as it finds it. */
function isAsGiven(compiled: CompiledSchema): boolean {
  let same = asGiven.get(compiled);
  if (same === undefined) {
    const text = JSON.stringify(compiled.jsonSchema, (name, value: unknown) =>
      name === 'propertyOrdering' && Array.isArray(value) ? undefined : value,
    );
    same = isDeepStrictEqual(JSON.parse(text), compiled.source);
    asGiven.set(compiled, same);
  }
  return same;
}
