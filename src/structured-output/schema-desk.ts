import { GatewayError } from '../core/gateway-error.js';
import type { JsonValue } from '../core/json.js';
import { wireSchemas } from './gemini-schema.js';
import { invalidSchema } from './invalid-schema.js';
import type { SchemaJob, SchemaReply } from './schema-job.js';
import { makeValidator, type Validator, type ValidatorTerms } from './schema-validators.js';
import { soundSchema, validatorTerms } from './sound-schema.js';
import { validationCost } from './validation-cost.js';

const KEPT_VALIDATORS = 64;
const KEPT_CHARS = 2_000_000;

/** Does the jobs of the thread, one after another, and keeps the validators used last. */
export class SchemaDesk {
  /** By what they were made from; the first is the one that was used least lately. */
  readonly #kept = new Map<string, Validator>();
  #keptChars = 0;

  /** Never throws. */
  answer(job: SchemaJob): SchemaReply {
    return job.kind === 'compile' ? this.#compile(job.text) : this.#validate(job.terms, job.document);
  }

  #compile(text: string): SchemaReply {
    try {
      const { bounded, validator } = soundSchema(text);
      this.#keep(keyOf(validatorTerms(bounded, true)), validator);
      const { source, ...rest } = bounded;
      const findings = {
        ...rest,
        cost: validationCost(source),
        wire: wireSchemas(source, bounded.dialect),
      };
      return { kind: 'compiled', findings };
    } catch (thrown) {
      const error = thrown instanceof GatewayError ? thrown : invalidSchema('', 'it is too complex');
      const { message, metadata } = error;
      return { kind: 'refused', refusal: { message, path: String(metadata['schemaPath'] ?? '') } };
    }
  }

  #validate(terms: ValidatorTerms, document: string): SchemaReply {
    const key = keyOf(terms);
    const value = JSON.parse(document) as JsonValue;
    try {
      const validator = this.#kept.get(key) ?? makeValidator(terms);
      this.#keep(key, validator);
      return { kind: 'verdict', verdict: validator(value) };
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
      // What is wrong may be found before the search for more goes on without end.
      return terms.allErrors ? this.#validate({ ...terms, allErrors: false }, document) : { kind: 'endless' };
    }
  }

  #keep(key: string, validator: Validator): void {
    if (!this.#kept.delete(key)) this.#keptChars += key.length;
    this.#kept.set(key, validator);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_VALIDATORS && this.#keptChars <= KEPT_CHARS) break;
      this.#kept.delete(oldest);
      this.#keptChars -= oldest.length;
    }
  }
}

function keyOf({ dialect, allErrors, text }: ValidatorTerms): string {
  return `${dialect} ${allErrors} ${text}`;
}
