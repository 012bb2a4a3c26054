import { eventsOf } from '../../core/events-of.js';
import { GatewayError } from '../../core/gateway-error.js';
import type { Part } from '../../core/gemini-wire.js';
import type { GenerationEvent } from '../../core/generation.js';
import type { JsonObject } from '../../core/json.js';
import type { Attempt, ProbeResult, Provider } from '../../core/provider.js';
import { NO_USAGE } from '../../core/usage.js';

/** An answer made beforehand: parts, a text, or a JSON document that is sent as text. The first one set counts. */
export interface CannedAnswer {
  readonly parts?: readonly Part[];
  readonly text?: string;
  readonly json?: JsonObject;
}

/**
 * Answers made beforehand, for reduced service while no model can be reached. The model of an attempt is the name
 * of the answer. Nothing is used and nothing can fail but the name: MODEL_NOT_FOUND.
 */
export class CannedProvider implements Provider {
  readonly #answers: ReadonlyMap<string, CannedAnswer>;

  constructor({ answers }: { readonly answers: Readonly<Record<string, CannedAnswer>> }) {
    this.#answers = new Map(Object.entries(answers));
  }

  async generate({ operation, model }: Attempt): Promise<AsyncIterable<GenerationEvent>> {
    if (operation !== 'generate') {
      throw new GatewayError('UNIMPLEMENTED', 'Answers made beforehand exist for generation only.');
    }
    const answer = this.#answers.get(model);
    if (answer === undefined) {
      throw new GatewayError('MODEL_NOT_FOUND', `There is no canned answer named "${model}".`);
    }
    const modelVersion = `canned/${model}`;
    const content = { role: 'model', parts: partsOf(answer) };
    const value = { candidates: [{ index: 0, content, finishReason: 'STOP' }], modelVersion };
    return eventsOf([
      { type: 'chunk', value, usage: NO_USAGE },
      { type: 'finish', verdict: 'ok', finishReason: 'STOP', usage: NO_USAGE, modelVersion },
    ]);
  }

  probe(): Promise<ProbeResult> {
    return Promise.resolve({ ok: true });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function partsOf({ parts, text, json }: CannedAnswer): Part[] {
  return parts === undefined ? [{ text: text ?? JSON.stringify(json ?? {}) }] : [...parts];
}
