import { createHash } from 'node:crypto';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Clock } from '../core/clock.js';
import { GatewayError } from '../core/gateway-error.js';
import type { JsonObject } from '../core/json.js';
import { schemaText } from './bounded-schema.js';
import type { CompiledSchema } from './compiled-schema.js';
import { refusedSchema } from './invalid-schema.js';
import type { SchemaFindings } from './schema-job.js';
import { JobFailure, SchemaThread } from './schema-thread.js';
import { SchemaValidation, threadFailure } from './schema-validation.js';

const KEPT_SCHEMAS = 500;
const KEPT_CHARS = 16_000_000;
/** How long a schema that took too long is refused without another look. */
const REFUSED_MS = 60_000;

interface Kept {
  readonly compiled: Promise<CompiledSchema>;
  readonly chars: number;
  /** Monotonic time from which it is compiled anew. */
  untilMs: number;
}

/**
 * Compiles callers' schemas, off the event loop, and keeps those used last: as many as 500, of 16 million
 * characters together. A schema is compiled once however many calls bring it at the same time.
 */
@Injectable()
export class SchemaCompiler implements OnApplicationShutdown {
  readonly #kept = new Map<string, Kept>();
  readonly #thread: SchemaThread;
  #keptChars = 0;

  constructor(@Inject(Clock) private readonly clock: Clock) {
    this.#thread = new SchemaThread(clock);
  }

  /**
   * Compiles a JSON Schema of draft 2020-12, or of draft 7 where `$schema` says so. Rejects with `INVALID_REQUEST`
   * (metadata `field` and `schemaPath`) where it is none, is over the limits, refers to what is not in it, has a
   * pattern that RE2 does not take, or takes longer to compile than it may; with `QUEUE_FULL` where too many
   * wait, and with `CANCELLED` at shutdown.
   */
  async compile(schema: JsonObject): Promise<CompiledSchema> {
    const text = schemaText(schema);
    // Members in another order are another schema to Gemini, which writes them in the order given.
    const key = createHash('sha256').update(text).digest('base64');
    const known = this.#kept.get(key);
    if (known !== undefined) this.#forget(key, known);
    const current = known !== undefined && this.clock.monotonicMs() < known.untilMs;
    const kept = current ? known : this.#begin(schema, text, key);
    this.#kept.set(key, kept);
    this.#keptChars += kept.chars;
    this.#makeRoom();
    return kept.compiled;
  }

  /** Ends the thread. */
  onApplicationShutdown(): Promise<void> {
    return this.#thread.close();
  }

  #begin(schema: JsonObject, text: string, key: string): Kept {
    const kept: Kept = { compiled: this.#compile(schema, text), chars: text.length, untilMs: Infinity };
    kept.compiled.catch((thrown: unknown) => {
      const error = thrown as GatewayError;
      if (error.cause instanceof JobFailure) kept.untilMs = this.clock.monotonicMs() + REFUSED_MS;
      if (error.reason !== 'INVALID_REQUEST' && this.#kept.get(key) === kept) this.#forget(key, kept);
    });
    return kept;
  }

  async #compile(source: JsonObject, text: string): Promise<CompiledSchema> {
    const findings = await this.#findings(text);
    const validation = new SchemaValidation(findings, this.#thread);
    return Object.freeze({
      id: findings.id,
      source,
      ...findings.wire,
      validate: (value) => validation.validate(value),
    } satisfies CompiledSchema);
  }

  async #findings(text: string): Promise<SchemaFindings> {
    const reply = await this.#thread.run({ kind: 'compile', text }).catch((thrown: unknown) => {
      throw compileFailure(thrown);
    });
    if (reply.kind === 'compiled') return reply.findings;
    if (reply.kind === 'refused') throw refusedSchema(reply.refusal);
    throw GatewayError.from(reply);
  }

  #makeRoom(): void {
    for (const [key, kept] of this.#kept) {
      if (this.#kept.size <= KEPT_SCHEMAS && this.#keptChars <= KEPT_CHARS) return;
      this.#forget(key, kept);
    }
  }

  #forget(key: string, kept: Kept): void {
    this.#kept.delete(key);
    this.#keptChars -= kept.chars;
  }
}

function compileFailure(thrown: unknown): GatewayError {
  if (!(thrown instanceof JobFailure)) return GatewayError.from(thrown);
  if (thrown.kind !== 'too-slow' && thrown.kind !== 'too-large') return threadFailure(thrown);
  const means = thrown.kind === 'too-slow' ? 'time' : 'memory';
  const message = `The schema cannot be used: compiling it takes more ${means} than it may.`;
  return new GatewayError('INVALID_REQUEST', message, { cause: thrown, metadata: { field: 'schema' } });
}
