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

/** The script of a generation, as the effect of the scenario has it. */
export function answerScript(
  stage: Stage,
  response: GenerateContentResponse,
  effect: Effect,
  chunks: number,
): Script {
  const { route, scenario } = stage;
  if (!route.stream) {
    const body = effect.type === 'reshape' ? effect.reshape(response) : response;
    return unaryScript(stage, scenario.response ?? body, effect);
  }
  const own = scenario.events ?? (scenario.response === undefined ? undefined : [scenario.response]);
  const events = own ?? eventsOf(response, effect, chunks);
  const broken = effect.type === 'break';
  const sent = events.slice(0, scenario.cutAfterChunks ?? (broken ? 1 : events.length));
  const whole = sent.length === events.length;
  const pieces = sent.map((event, index) =>
    eventPiece(route, event, index, index === events.length - 1 ? effect : undefined),
  );
  if (broken) pieces.push(errorPiece(route, effect, pieces.length));
  const cut = broken ? false : !whole || (effect.type === 'garble' && effect.cut);
  if (!route.sse && !cut) pieces.push({ text: pieces.length === 0 ? '[]' : '\n]', counts: false });
  const ending = effect.type === 'silence' ? 'silence' : scenario.reset === true ? 'reset' : 'end';
  const type = route.sse ? SSE_TYPE : JSON_TYPE;
  return script(stage, outcomeOf(effect, scenario, whole), pieces, ending, type);
}

/** The script of an answer that is one document. */
export function unaryScript(stage: Stage, body: GenerateContentResponse, effect: Effect): Script {
  if (effect.type === 'break') return refusalScript(stage, effect.error);
  const json = JSON.stringify(body);
  const whole = effect.type === 'garble' ? effect.garble(json) : json;
  const reset = stage.scenario.reset === true;
  const text = reset ? whole.slice(0, Math.floor(whole.length / 2)) : whole;
  const readable = !reset && effect.type !== 'garble';
  const pieces = [{ text, usage: readable ? body.usageMetadata : undefined, counts: true }];
  return script(stage, outcomeOf(effect, stage.scenario, !reset), pieces, reset ? 'reset' : 'end', JSON_TYPE);
}

/** The script in which not a byte is sent. */
export function muteScript(stage: Stage, ending: 'reset' | 'silence'): Script {
  const outcome = ending === 'reset' ? 'reset-before-headers' : 'silence';
  return { outcome, ending, pieces: [], delayMs: stage.scenario.delayMs };
}

function eventsOf(
  response: GenerateContentResponse,
  effect: Effect,
  chunks: number,
): readonly GenerateContentResponse[] {
  if (effect.type === 'reshape' && !effect.keepsChunks) return [effect.reshape(response)];
  const events = chunksOf(response, chunks);
  if (effect.type !== 'reshape') return events;
  return events.map((event, index) => (index === events.length - 1 ? effect.reshape(event) : event));
}

function eventPiece(
  route: ModelRoute,
  event: GenerateContentResponse,
  index: number,
  effect: Effect | undefined,
): Piece {
  const json = route.sse ? JSON.stringify(event) : JSON.stringify(event, null, 2);
  const spoils = effect?.type === 'garble';
  const text = framed(route, spoils ? effect.garble(json) : json, index, !(spoils && effect.cut));
  return { text, usage: spoils ? undefined : event.usageMetadata, counts: true };
}

function framed(route: ModelRoute, json: string, index: number, terminated: boolean): string {
  if (route.sse) return `data: ${json}${terminated ? BLANK_LINE : ''}`;
  return `${index === 0 ? '[' : ',\r\n'}${json}`;
}

function errorPiece(route: ModelRoute, effect: Extract<Effect, { type: 'break' }>, index: number): Piece {
  const pretty = effect.error.body;
  if (!route.sse) return { text: framed(route, pretty.trimEnd(), index, true), counts: true };
  const text = effect.raw ? pretty : framed(route, JSON.stringify(JSON.parse(pretty)), index, true);
  return { text, counts: true };
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
