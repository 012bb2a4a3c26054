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

/** Steps of the ladder that Gemini was seen to need for a schema; none for a schema that it took at once. */
const levels = new WeakMap<CompiledSchema, number>();

/** Whether what Gemini is told is what the caller gave; each schema is looked at once. */
const asGiven = new WeakMap<CompiledSchema, boolean>();

/** The request as the caller wrote it, with the schema in it. */
const UNTOUCHED = -1;

/** The schema of a call, and how the upstream hears of it. */
export class AskedSchema {
  private constructor(
    readonly compiled: CompiledSchema,
    private readonly form: WireForm,
    /** How much less the upstream is told: 0 for all that it understands, `UNTOUCHED` for what the request says. */
    private readonly level: number,
    private readonly told: WireSchemas,
  ) {}

  /**
   * A schema with as much of it as the upstream is known to take.
   *
   * @param keepsRequest whether a request that the upstream can understand is to stay as it is, to the letter.
   */
  static of(compiled: CompiledSchema, origin: SchemaOrigin, keepsRequest: boolean): AskedSchema {
    const form = origin === 'openApiSchema' ? origin : 'jsonSchema';
    const level = levels.get(compiled);
    if (level !== undefined) {
      const told = level === 0 ? compiled : relaxFurther(compiled, level);
      if (told !== undefined) return new AskedSchema(compiled, form, level, told);
    }
    const told = new AskedSchema(compiled, form, 0, compiled);
    // Google's own form of a schema goes as it is.
    const understood = told.relaxed.length === 0 && (keepsRequest || isAsGiven(compiled));
    const stays = form === 'openApiSchema' || (origin !== 'name' && understood);
    return stays ? new AskedSchema(compiled, form, UNTOUCHED, compiled) : told;
  }

  /** What the upstream is not told. */
  get relaxed(): readonly Relaxation[] {
    if (this.level === UNTOUCHED) return [];
    return this.told.relaxed.filter(({ form }) => form === undefined || form === this.form);
  }

  /** The same with less said to the upstream, which refused it; undefined where nothing is left to leave out. */
  simpler(): AskedSchema | undefined {
    const same = this.level === UNTOUCHED && this.form === 'jsonSchema' && isAsGiven(this.compiled);
    const level = same ? 1 : this.level + 1;
    const told = level === 0 ? this.compiled : relaxFurther(this.compiled, level);
    return told && new AskedSchema(this.compiled, this.form, level, told);
  }

  /** The upstream took it after it refused more: further calls begin with as much. */
  accepted(): void {
    levels.set(this.compiled, this.level);
  }

  /** The call as it goes on: the very same one where its request says already what is to be said. */
  call(call: Call): Call {
    if (this.level === UNTOUCHED) return call;
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
