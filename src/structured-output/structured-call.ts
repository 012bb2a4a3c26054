import type { Call } from '../core/call.js';
import type { Clock } from '../core/clock.js';
import { collect, judged, primed } from '../core/combinators.js';
import { eventsOf } from '../core/events-of.js';
import { GatewayError } from '../core/gateway-error.js';
import type { FinishEvent, Generation, Head, StructuredReport } from '../core/generation.js';
import { isJsonObject, type JsonValue } from '../core/json.js';
import type { Next } from '../core/policy.js';
import { NO_USAGE } from '../core/usage.js';
import type { StructuredConfig } from '../routing/structured.config.js';
import { judgedText, type TextAnswer, textAnswers, withTexts } from './answer-document.js';
import type { AskedSchema } from './asked-schema.js';
import { askedAgain, type Mismatch, mismatchError, usageOf } from './schema-mismatch.js';
import { StructuredStream } from './structured-stream.js';

/** An answer that may be handed out, or one that does not follow its schema. */
type Inspected = { readonly generation: Generation } | { readonly mismatch: Mismatch };

/** The course of one call with a schema: a question, at most one further one, and then what the task says. */
export class StructuredCall {
  #asked: AskedSchema;
  #reasked = false;
  #instead: StructuredReport['instead'];
  /** Upstream calls whose answers were refused. */
  #refusedAttempts = 0;

  constructor(
    private readonly call: Call,
    private readonly next: Next,
    asked: AskedSchema,
    private readonly terms: StructuredConfig,
    private readonly clock: Clock,
  ) {
    this.#asked = asked;
  }

  /** The answer. Rejects with SCHEMA_MISMATCH, or with why there is none. */
  async run(): Promise<Generation> {
    const startedMs = this.clock.monotonicMs();
    const first = await this.#ask(await this.#accepted());
    if ('generation' in first) return first.generation;
    const again = await this.#again(first.mismatch, this.clock.monotonicMs() - startedMs);
    if (again !== undefined && 'generation' in again) return again.generation;
    return this.#otherwise(again === undefined ? first.mismatch : again.mismatch);
  }

  /** The first answer. Where Gemini refuses the schema, it is told less of it, down to its type. */
  async #accepted(): Promise<Generation> {
    for (;;) {
      try {
        const generation = await this.next(this.#asked.call(this.call));
        if (this.#refusedAttempts > 0) this.#asked.accepted();
        return generation;
      } catch (thrown) {
        const simpler = refusesSchema(thrown) ? this.#asked.simpler() : undefined;
        if (simpler === undefined) throw thrown;
        this.#asked = simpler;
        this.#refusedAttempts += 1;
      }
    }
  }

  #ask(generation: Generation): Promise<Inspected> {
    const { attempts } = generation.head;
    const head = { ...generation.head, attempts: this.#refusedAttempts + attempts };
    const whole = { head, events: generation.events };
    return this.call.stream ? this.#streamed(whole) : this.#whole(whole);
  }

  /** The same question with what was wrong, once; undefined where there is no use in it, or no answer. */
  async #again(mismatch: Mismatch, tookMs: number): Promise<Inspected | undefined> {
    this.#refuse(mismatch);
    const leftMs = this.call.deadlineMs - this.clock.monotonicMs();
    if (mismatch.truncated || leftMs <= tookMs) return undefined;
    this.#reasked = true;
    const question = this.#asked.call(this.call);
    return this.#another({ ...withoutText(question), request: askedAgain(question.request, mismatch) });
  }

  async #otherwise(mismatch: Mismatch): Promise<Generation> {
    const { onMismatch, model } = this.terms;
    switch (onMismatch) {
      case 'error':
        break;
      case 'default': {
        const answer = await this.#default(mismatch.head);
        if (answer !== undefined) return answer;
        break;
      }
      case 'model': {
        this.#instead = 'model';
        const question = withoutText(this.#asked.call(this.call));
        const other = model === undefined ? undefined : await this.#another({ ...question, model });
        if (other !== undefined && 'generation' in other) return other.generation;
        if (other !== undefined) throw this.#failed(other.mismatch);
      }
    }
    throw this.#failed(mismatch);
  }

  /** What comes of a further question. Undefined where it fails: the answer before it is what the caller hears of. */
  async #another(question: Call): Promise<Inspected | undefined> {
    let inspected: Inspected;
    try {
      inspected = await this.#ask(await this.next(question));
    } catch (thrown) {
      if (this.call.signal.aborted || GatewayError.from(thrown).reason === 'CANCELLED') throw thrown;
      return undefined;
    }
    if ('mismatch' in inspected) this.#refuse(inspected.mismatch);
    return inspected;
  }

  async #default(head: Head): Promise<Generation | undefined> {
    const value = this.terms.default as JsonValue;
    if (!(await this.#asked.compiled.validate(value)).valid) return undefined;
    this.#instead = 'default';
    const content = { role: 'model', parts: [{ text: JSON.stringify(value) }] };
    const finish: FinishEvent = {
      type: 'finish',
      verdict: 'ok',
      finishReason: 'STOP',
      // Those of the answers that were refused are in the record.
      usage: NO_USAGE,
      structured: { ...this.#report(true, false), value },
    };
    const candidates = [{ content, finishReason: 'STOP', index: 0 }];
    return { head, events: eventsOf([{ type: 'chunk', value: { candidates } }, finish]) };
  }

  async #whole(generation: Generation): Promise<Inspected> {
    const { head } = generation;
    const collected = await collect(generation);
    const { chunks, finish } = collected;
    const texts = textAnswers(collected);
    if (texts.length === 0) return { generation: { head, events: eventsOf([...chunks, finish]) } };
    const repairs = new Map<number, string>();
    let valid = true;
    let document: JsonValue | undefined;
    for (const answer of texts) {
      const judgement = await judgedText(answer.text, this.#asked.compiled).catch((thrown: unknown) => {
        this.call.record.refuseAnswer(GatewayError.from(thrown).reason, 'final', finish.usage);
        throw thrown;
      });
      if (!judgement.valid && this.terms.enforce) {
        const { errors } = judgement;
        return { mismatch: { ...mismatchOf(answer, finish), head, errors } };
      }
      if (answer === texts[0]) document = judgement.value;
      if (!judgement.valid) valid = false;
      else if (judgement.repaired) repairs.set(answer.place, JSON.stringify(judgement.value));
    }
    const value = document === undefined ? {} : { value: document };
    const structured = { ...this.#report(valid, repairs.size > 0), ...value };
    const answer = repairs.size === 0 ? chunks : [withTexts(collected, repairs)];
    return { generation: { head, events: eventsOf([...answer, { ...finish, structured }]) } };
  }

  /** An answer whose first event is looked at before it is handed out; what is wrong later ends it. */
  async #streamed(generation: Generation): Promise<Inspected> {
    const { enforce } = this.terms;
    const stream = new StructuredStream(generation.head, {
      schema: this.#asked.compiled,
      enforce,
      early: enforce && !declaresFunctions(this.call),
      report: (valid, repaired) => this.#report(valid, repaired),
    });
    try {
      const begun = await primed(generation, (event) => {
        stream.first(event);
        return true;
      });
      return { generation: judged(begun, stream) };
    } catch (thrown) {
      if (stream.mismatch === undefined) throw thrown;
      return { mismatch: stream.mismatch };
    }
  }

  #refuse(mismatch: Mismatch): void {
    this.#refusedAttempts = mismatch.head.attempts;
    this.call.record.refuseAnswer('SCHEMA_MISMATCH', 'mismatch', usageOf(mismatch));
  }

  #failed(mismatch: Mismatch): GatewayError {
    this.#report(false, false);
    return mismatchError(mismatch);
  }

  #report(valid: boolean, repaired: boolean): StructuredReport {
    const instead = this.#instead;
    const relaxed = this.#asked.relaxed.map(({ path, keyword }) => ({ path, keyword }));
    const report = {
      valid,
      repaired,
      reasked: this.#reasked,
      ...(instead === undefined ? {} : { instead }),
      relaxed,
    };
    this.call.record.structured = report;
    return report;
  }
}

function mismatchOf({ text, content }: TextAnswer, { usage, verdict }: FinishEvent) {
  return { text, content, usage, truncated: verdict === 'truncated' };
}

function withoutText({ requestText: _text, ...call }: Call): Call {
  return call;
}

/** Whether a function may be called in place of an answer, after some words. */
function declaresFunctions({ request: { tools } }: Call): boolean {
  return Array.isArray(tools) && tools.some((tool) => isJsonObject(tool) && 'functionDeclarations' in tool);
}

const ABOUT_SCHEMAS =
  /\bschema|too many states|nesting depth|\benum\b|^Request contains an invalid argument\.?$/i;

/**
 * Whether Gemini takes the request but for its schema. It has no code for that: its sentences speak of it, or say
 * nothing at all (seen with long enums beside bounds of lists, 2026-10).
 */
function refusesSchema(thrown: unknown): boolean {
  if (!(thrown instanceof GatewayError) || thrown.reason !== 'INVALID_REQUEST') return false;
  return thrown.metadata.upstreamStatus === 400 && ABOUT_SCHEMAS.test(thrown.message);
}
