import type { GenerateContentResponse } from '../core/gemini-wire.js';
import { chunksOf } from './chunks.js';
import { JSON_TYPE, type Refusal } from './google-errors.js';
import type { Piece, Script } from './playback.js';
import type { ModelRoute } from './routes.js';
import type { Scenario } from './scenario.js';
import type { Effect } from './scenario-kinds.js';

const SSE_TYPE = 'text/event-stream';
const BLANK_LINE = '\r\n\r\n';

/** What is common to all scripts of one call. */
export interface Stage {
  readonly route: ModelRoute;
  readonly scenario: Scenario;
  /** Google's headers beside the content type. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The script of an error. Before the first byte of a stream it has the stream's type, or stands in a list. */
export function refusalScript(stage: Stage, refusal: Refusal): Script {
  const { route } = stage;
  const streamed = route.stream && refusal.contentType === JSON_TYPE;
  const text = streamed && !route.sse ? `[${refusal.body.trimEnd()}\n]` : refusal.body;
  const type = streamed && route.sse ? SSE_TYPE : refusal.contentType;
  return script(stage, refusal.outcome, [{ text, counts: true }], 'end', type, refusal.status);
}

/** The script of an answer, as the effect of the scenario has it. */
export function answerScript(
  stage: Stage,
  response: GenerateContentResponse,
  effect: Effect,
  chunks: number,
): Script {
  const { route, scenario } = stage;
  const reshaped = effect.type === 'reshape' ? effect.reshape(response) : response;
  if (!route.stream) return unaryScript(stage, scenario.response ?? reshaped, effect);
  const whole =
    scenario.events ??
    (scenario.response === undefined ? undefined : [scenario.response]) ??
    streamed(response, reshaped, effect, chunks);
  const spoilt = effect.type === 'garble' ? effect.garble : undefined;
  const cut =
    effect.type === 'break' ? (scenario.cutAfterChunks ?? 1) : (scenario.cutAfterChunks ?? whole.length);
  const sent = whole.slice(0, cut);
  const pieces = sent.map((event, index): Piece => {
    const last = index === whole.length - 1;
    const json = route.sse ? JSON.stringify(event) : JSON.stringify(event, null, 2);
    const text = last && spoilt !== undefined ? spoilt(json) : json;
    return {
      text: framed(route, text, index, !(last && spoilt !== undefined)),
      usage: event.usageMetadata,
      counts: true,
    };
  });
  if (effect.type === 'break') pieces.push(breakPiece(route, effect, pieces.length));
  const complete = cut >= whole.length && spoilt === undefined;
  const proper = complete || effect.type === 'break';
  if (!route.sse && proper) pieces.push({ text: pieces.length === 0 ? '[]' : '\n]', counts: false });
  const ending = effect.type === 'silence' ? 'silence' : scenario.reset === true ? 'reset' : 'end';
  return script(
    stage,
    outcomeOf(effect, scenario, complete),
    pieces,
    ending,
    route.sse ? SSE_TYPE : JSON_TYPE,
  );
}

/** The script of an answer that is one document. */
export function unaryScript(stage: Stage, body: GenerateContentResponse, effect: Effect): Script {
  if (effect.type === 'break') return refusalScript(stage, effect.error);
  const json = JSON.stringify(body);
  const whole = effect.type === 'garble' ? effect.garble(json) : json;
  const reset = stage.scenario.reset === true;
  const text = reset ? whole.slice(0, Math.floor(whole.length / 2)) : whole;
  const pieces = [{ text, usage: body.usageMetadata, counts: true }];
  return script(stage, outcomeOf(effect, stage.scenario, !reset), pieces, reset ? 'reset' : 'end', JSON_TYPE);
}

/** The script in which not a byte is sent. */
export function muteScript(stage: Stage, ending: 'reset' | 'silence'): Script {
  const outcome = ending === 'reset' ? 'reset-before-headers' : 'silence';
  return { outcome, ending, pieces: [], delayMs: stage.scenario.delayMs };
}

function streamed(
  response: GenerateContentResponse,
  reshaped: GenerateContentResponse,
  effect: Effect,
  chunks: number,
): GenerateContentResponse[] {
  if (effect.type !== 'reshape') return chunksOf(response, chunks);
  if (!effect.keepsChunks) return [reshaped];
  const whole = chunksOf(response, chunks);
  const last = whole.pop();
  return last === undefined ? whole : [...whole, effect.reshape(last)];
}

function framed(route: ModelRoute, json: string, index: number, terminated: boolean): string {
  if (route.sse) return `data: ${json}${terminated ? BLANK_LINE : ''}`;
  return `${index === 0 ? '[' : ',\r\n'}${json}`;
}

function breakPiece(route: ModelRoute, effect: Extract<Effect, { type: 'break' }>, index: number): Piece {
  const pretty = effect.error.body;
  const compact = effect.raw || !route.sse ? pretty : JSON.stringify(JSON.parse(pretty));
  return { text: effect.raw && route.sse ? pretty : framed(route, compact, index, true), counts: true };
}

function outcomeOf(effect: Effect, scenario: Scenario, complete: boolean): string {
  if (effect.type !== 'answer') return scenario.kind ?? 'answer';
  if (complete && scenario.reset !== true) return 'ok';
  return scenario.reset === true ? 'reset' : 'cut';
}

function script(
  stage: Stage,
  outcome: string,
  pieces: readonly Piece[],
  ending: Script['ending'],
  contentType: string,
  status = 200,
): Script {
  const { scenario } = stage;
  return {
    head: {
      status,
      headers: {
        'content-type': contentType,
        ...stage.headers,
        ...scenario.headers,
      },
    },
    pieces,
    outcome,
    ending,
    delayMs: scenario.delayMs,
    firstChunkDelayMs: scenario.firstChunkDelayMs,
    chunkDelayMs: scenario.chunkDelayMs,
    sliceBytes: scenario.sliceBytes,
  };
}
