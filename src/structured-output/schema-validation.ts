import { GatewayError } from '../core/gateway-error.js';
import type { JsonValue } from '../core/json.js';
import type { SchemaVerdict } from './compiled-schema.js';
import { measureJson, type JsonExtent } from './json-extent.js';
import type { SchemaFindings, SchemaJob } from './schema-job.js';
import { JobFailure, type SchemaThread } from './schema-thread.js';
import { makeValidator, type Validator } from './schema-validators.js';
import { validatorTerms } from './sound-schema.js';
import { isShort } from './validation-cost.js';

/** The largest document that is checked. */
const DOCUMENT_LIMITS = { nodes: 500_000, chars: 4_000_000, depth: 256 } as const;
/** In a larger document only the first thing that is wrong is looked for: the rest may be many. */
const ALL_ERRORS_NODES = 10_000;

/**
 * Checks documents against one schema: in the thread, or in place where that is short for certain. In place only
 * from the second time on, so that a schema that is used once costs the event loop nothing.
 */
export class SchemaValidation {
  #used = false;
  #inPlace: Validator | undefined;

  constructor(
    private readonly schema: Pick<SchemaFindings, 'cost' | 'dialect' | 'text'>,
    private readonly thread: SchemaThread,
  ) {}

  /** See `CompiledSchema.validate`. */
  async validate(value: JsonValue): Promise<SchemaVerdict> {
    const measure = measureJson(value, DOCUMENT_LIMITS);
    if ('over' in measure) return tooLarge(measure.over);
    const validator = this.#validatorInPlace(measure.extent);
    return validator === undefined ? this.#validateInThread(value, measure.extent) : validator(value);
  }

  #validatorInPlace(extent: JsonExtent): Validator | undefined {
    const usedBefore = this.#used;
    this.#used = true;
    const { cost } = this.schema;
    if (!usedBefore || cost === undefined || !isShort(cost, extent)) return undefined;
    this.#inPlace ??= makeValidator(validatorTerms(this.schema, true));
    return this.#inPlace;
  }

  async #validateInThread(value: JsonValue, { nodes }: JsonExtent): Promise<SchemaVerdict> {
    const terms = validatorTerms(this.schema, nodes <= ALL_ERRORS_NODES);
    const job: SchemaJob = { kind: 'validate', terms, document: JSON.stringify(value) };
    try {
      const reply = await this.thread.run(job);
      if (reply.kind === 'verdict') return reply.verdict;
    } catch (thrown) {
      throw validationFailure(thrown);
    }
    throw new GatewayError(
      'SCHEMA_MISMATCH',
      'The answer cannot be checked: the schema asks for itself without end.',
    );
  }
}

/** The failures that do not depend on what the thread was asked. */
export function threadFailure(failure: JobFailure): GatewayError {
  switch (failure.kind) {
    case 'busy':
      return new GatewayError('QUEUE_FULL', 'Too many schemas wait to be compiled or checked.', {
        retryAfterMs: 1_000,
      });
    case 'closed':
      return new GatewayError('CANCELLED', 'The gateway is shutting down.');
    case 'too-slow':
    case 'too-large':
    case 'broken':
      return GatewayError.from(failure);
    default:
      return failure.kind satisfies never;
  }
}

function validationFailure(thrown: unknown): GatewayError {
  if (!(thrown instanceof JobFailure)) return GatewayError.from(thrown);
  if (thrown.kind !== 'too-slow' && thrown.kind !== 'too-large') return threadFailure(thrown);
  const means = thrown.kind === 'too-slow' ? 'time' : 'memory';
  const message = `Checking the answer against the schema takes more ${means} than it may.`;
  return new GatewayError('SCHEMA_MISMATCH', message, { cause: thrown });
}

function tooLarge(over: keyof JsonExtent): SchemaVerdict {
  const message =
    over === 'depth'
      ? `is nested deeper than ${DOCUMENT_LIMITS.depth} levels`
      : `is larger than ${DOCUMENT_LIMITS.chars} characters or ${DOCUMENT_LIMITS.nodes} values`;
  return { valid: false, errors: [{ path: '', message, keyword: over === 'depth' ? 'depth' : 'size' }] };
}
