import type { Judge } from '../core/combinators.js';
import type { Candidate } from '../core/gemini-wire.js';
import type { ChunkEvent, FinishEvent, GenerationEvent, Head, StructuredReport } from '../core/generation.js';
import type { JsonValue } from '../core/json.js';
import { candidatesOf, partsOf } from '../core/merge-chunks.js';
import type { Usage } from '../core/usage.js';
import { isText, judgedText, MAX_TEXT_LENGTH, visibleText } from './answer-document.js';
import type { CompiledSchema, SchemaError } from './compiled-schema.js';
import { JsonStreamCheck } from './json-stream-check.js';
import { type Mismatch, mismatchError } from './schema-mismatch.js';

/** Longest piece that is checked as it comes, in characters; with a longer one the answer is judged at its end alone. */
const MAX_PIECE_LENGTH = 65_536;

/** One alternative of a streamed answer, as far as it came. */
interface Alternative {
  text: string;
  check: JsonStreamCheck | undefined;
  callsTools: boolean;
}

/** How a streamed answer is held to its schema. */
export interface StreamTerms {
  readonly schema: CompiledSchema;
  /** Whether an answer that does not follow it is refused. */
  readonly enforce: boolean;
  /** Whether the first wrong character ends the answer; otherwise it is judged at its end. */
  readonly early: boolean;
  /** The report on the answer. */
  report(valid: boolean, repaired: boolean): StructuredReport;
}

/** Judges a streamed answer as it comes, and at its end as a whole. Throws SCHEMA_MISMATCH. */
export class StructuredStream implements Judge {
  readonly #alternatives = new Map<number, Alternative>();
  #usage: Usage | undefined;
  #first: ChunkEvent | undefined;
  /** What was wrong, where something was. */
  mismatch: Mismatch | undefined;

  constructor(
    private readonly head: Head,
    private readonly terms: StreamTerms,
  ) {}

  /** Looks at the first event before the answer is handed out. */
  first(event: GenerationEvent): void {
    if (event.type !== 'chunk') return;
    this.chunk(event);
    this.#first = event;
  }

  chunk(event: ChunkEvent): void {
    const isFirst = event === this.#first;
    this.#first = undefined;
    if (isFirst) return;
    this.#usage = event.usage ?? this.#usage;
    for (const candidate of candidatesOf(event.value)) this.#take(candidate);
  }

  async finish(event: FinishEvent): Promise<FinishEvent> {
    const { verdict, usage } = event;
    const texts = [...this.#alternatives.values()].filter(
      ({ callsTools, text }) => !callsTools && isText(text, verdict),
    );
    if (texts.length === 0) return event;
    this.#usage = usage;
    let valid = true;
    let repaired = false;
    let document: JsonValue | undefined;
    for (const [place, { text }] of texts.entries()) {
      const judged = await judgedText(text, this.terms.schema);
      if (!judged.valid && this.terms.enforce)
        throw this.#refused(text, judged.errors, verdict === 'truncated');
      if (place === 0) document = judged.value;
      if (judged.valid) repaired ||= judged.repaired;
      else valid = false;
    }
    const value = document === undefined ? {} : { value: document };
    return { ...event, structured: { ...this.terms.report(valid, repaired), ...value } };
  }

  #take(candidate: Candidate): void {
    const alternative = this.#alternativeOf(candidate.index ?? 0);
    for (const part of partsOf(candidate)) {
      if (part.functionCall !== undefined) alternative.callsTools = true;
      const text = visibleText(part);
      if (text === '') continue;
      alternative.text += text;
      // What comes in such pieces is as good as whole, and reading it would hold up everybody.
      if (text.length > MAX_PIECE_LENGTH) alternative.check = undefined;
      const violation = alternative.check?.feed(text) ?? tooLong(alternative.text);
      if (violation !== undefined && this.terms.enforce)
        throw this.#refused(alternative.text, [violation], false);
    }
  }

  #alternativeOf(index: number): Alternative {
    let alternative = this.#alternatives.get(index);
    if (alternative === undefined) {
      const { early, schema } = this.terms;
      alternative = {
        text: '',
        check: early ? new JsonStreamCheck(schema.source) : undefined,
        callsTools: false,
      };
      this.#alternatives.set(index, alternative);
    }
    return alternative;
  }

  #refused(text: string, errors: readonly SchemaError[], truncated: boolean): Error {
    const { head } = this;
    this.mismatch = { head, errors, text, usage: this.#usage, truncated };
    this.terms.report(false, false);
    return mismatchError(this.mismatch);
  }
}

function tooLong(text: string): SchemaError | undefined {
  if (text.length <= MAX_TEXT_LENGTH) return undefined;
  return { path: '', message: `is longer than ${MAX_TEXT_LENGTH} characters`, keyword: 'size' };
}
