import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../core/clock.js';
import type { GenerateContentRequest, GenerateContentResponse } from '../core/gemini-wire.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import { answer } from './answer.js';
import type { Callers } from './callers.js';
import { type CachedTokens, countTokens, type PlainAnswer } from './counting.js';
import { batchEmbedContents, embedContent, predict } from './embed-operations.js';
import { invalidArgument, JSON_TYPE, modelNotFound, type Refusal } from './google-errors.js';
import type { Ledger, LedgerEntry } from './ledger.js';
import { modelListing } from './model-listing.js';
import { type EmulatedModel, findModel } from './models.js';
import { Playback, type Script } from './playback.js';
import { type Prompt, readPrompt } from './prompt.js';
import type { Quotas } from './quotas.js';
import { checkSettings, checkShape, checkSignatures } from './request-checks.js';
import type { ModelRoute } from './routes.js';
import type { Scenario } from './scenario.js';
import { type Effect, SCENARIO_KINDS } from './scenario-kinds.js';
import type { Scenarios } from './scenarios.js';
import { answerScript, muteScript, refusalScript, type Stage, unaryScript } from './scripts.js';

/** Everything that a model call meets on its way. */
export interface ModelCallsOptions {
  readonly clock: Clock;
  readonly seed: number;
  readonly callers: Callers;
  readonly ledger: Ledger;
  readonly quotas: Quotas;
  readonly scenarios: Scenarios;
  readonly cachedTokens: CachedTokens;
  /** How calls go for which there is no scenario. */
  readonly pace: Scenario;
}

/** One call, its body read. */
interface ModelCall {
  readonly route: ModelRoute;
  readonly res: ServerResponse;
  readonly arrivedMs: number;
  readonly entry: LedgerEntry;
  readonly project: string;
}

const FEW_CHUNKS = 4;
const SHORTEST_DEADLINE_S = 10;
const FILLER = 'The quick brown fox jumps over the lazy dog. ';

/** Answers the methods on models: who calls, what is asked, which scenario, which limits, and the answer. */
export class ModelCalls {
  private readonly plain: boolean;

  constructor(private readonly options: ModelCallsOptions) {
    this.plain = Object.keys(options.pace).length === 0;
  }

  /** Answers one call whose body has been read. */
  answer(route: ModelRoute, req: IncomingMessage, res: ServerResponse, body: Buffer): void {
    const { callers, ledger, clock } = this.options;
    const { headers } = req;
    const caller = callers.identify(headers, route.query.get('key'), route.api, route.project);
    const refused = 'status' in caller;
    const timeout = headers['x-server-timeout'];
    const client = headers['x-goog-api-client'];
    const entry = ledger.open({
      at: clock.wallMs(),
      key: refused ? '' : caller.key,
      project: refused ? route.project : caller.project,
      model: route.model,
      operation: route.operation,
      stream: route.stream,
      path: route.path,
      bytesIn: body.length,
      serverTimeout: typeof timeout === 'string' ? timeout : undefined,
      apiClient: typeof client === 'string' ? client : undefined,
    });
    const call: ModelCall = { route, res, entry, arrivedMs: clock.monotonicMs(), project: entry.project };
    if (refused) return this.refuse(call, caller);
    const request = parsed(body);
    if (request === undefined)
      return this.refuse(call, invalidArgument('Invalid JSON payload received. Expected an object.'));
    this.operate(call, request);
  }

  private operate(call: ModelCall, request: JsonObject): void {
    const { route } = call;
    if (route.operation === 'listModels') return this.plainly(call, '', modelListing(route));
    const model = findModel(route.model);
    if (model === undefined || !serves(model, route))
      return this.refuse(call, modelNotFound(route.model, route.version, route.operation));
    const seconds = call.entry.serverTimeout;
    if (seconds !== undefined && Number(seconds) < SHORTEST_DEADLINE_S)
      return this.refuse(
        call,
        invalidArgument(
          `Manually set deadline ${seconds}s is too short. Minimum allowed deadline is ${SHORTEST_DEADLINE_S}s.`,
        ),
      );
    switch (route.operation) {
      case 'generateContent':
      case 'streamGenerateContent':
        return this.generate(call, model, request);
      case 'countTokens':
        return this.plainly(
          call,
          textOf(request),
          countTokens(request, route.api, this.options.cachedTokens),
        );
      case 'embedContent':
        return this.plainly(call, textOf(request), embedContent(request, route.api));
      case 'batchEmbedContents':
        return this.plainly(call, textOf(request), batchEmbedContents(request));
      case 'predict':
        return this.plainly(call, textOf(request), predict(request));
      case 'getModel':
        return this.plainly(call, '', modelListing(route));
    }
  }

  private generate(call: ModelCall, model: EmulatedModel, request: GenerateContentRequest): void {
    const misshapen = checkShape(request);
    if (misshapen !== undefined) return this.refuse(call, misshapen);
    const prompt = readPrompt(request);
    call.entry.unknownPartFields = prompt.unknownPartFields;
    const scenario = this.scenarioFor(call, prompt.text);
    const effect: Effect = SCENARIO_KINDS[scenario?.kind ?? 'answer'];
    if (scenario !== undefined && this.preempted(call, scenario, effect)) return;
    const cached = this.cachedTokens(request);
    const fault =
      (cached === undefined
        ? invalidArgument('CachedContent not found (or permission denied)')
        : undefined) ??
      checkSettings(model, request, prompt.tokens) ??
      checkSignatures(model, request, this.options.seed) ??
      this.options.quotas.admit(call.project, call.route.location, call.route.model, prompt.tokens);
    if (fault !== undefined) return this.refuse(call, fault, scenario);
    const response = this.response(call.route, request, prompt, cached ?? 0, scenario);
    if (scenario === undefined && this.plain && !call.route.stream) return this.reply(call, response);
    const played = scenario ?? this.options.pace;
    this.play(call, answerScript(this.stage(call, played), response, effect, played.chunks ?? FEW_CHUNKS));
  }

  private response(
    route: ModelRoute,
    request: GenerateContentRequest,
    prompt: Prompt,
    cachedTokens: number,
    scenario: Scenario | undefined,
  ): GenerateContentResponse {
    const text = fixedText(scenario ?? this.options.pace);
    const { seed } = this.options;
    return answer(route.model, request, {
      seed,
      api: route.api,
      prompt,
      cachedTokens,
      ...(text === undefined ? {} : { text }),
    });
  }

  /** Operations that are no generation: one document, which only errors, resets and delays can replace. */
  private plainly(call: ModelCall, text: string, result: PlainAnswer | Refusal): void {
    const scenario = this.scenarioFor(call, text);
    const effect: Effect = SCENARIO_KINDS[scenario?.kind ?? 'answer'];
    if (scenario !== undefined && this.preempted(call, scenario, effect)) return;
    if ('status' in result) return this.refuse(call, result, scenario);
    const { operation, location, model } = call.route;
    const counted = operation !== 'listModels' && operation !== 'getModel' && operation !== 'countTokens';
    const fault = counted
      ? this.options.quotas.admit(call.project, location, model, result.prompt.tokens)
      : undefined;
    if (fault !== undefined) return this.refuse(call, fault, scenario);
    if (counted) call.entry.inputTokens = result.prompt.tokens;
    if (scenario === undefined) this.reply(call, result.body);
    else this.play(call, unaryScript(this.stage(call, scenario), result.body, effect));
  }

  private scenarioFor(call: ModelCall, text: string): Scenario | undefined {
    const { scenarios } = this.options;
    if (scenarios.empty) return undefined;
    const { model, operation, key } = call.entry;
    return scenarios.take({ model, operation, key, text, project: call.project });
  }

  /** Plays what needs no answer. */
  private preempted(call: ModelCall, scenario: Scenario, effect: Effect): boolean {
    if (effect.type === 'refuse') {
      this.refuse(call, effect.refusal(scenario, call.route), scenario);
      return true;
    }
    // With chunks before it, silence is a stream that stalls.
    const mute = effect.type === 'reset' || (effect.type === 'silence' && !stalls(call, scenario));
    if (mute) this.play(call, muteScript(this.stage(call, scenario), effect.type));
    return mute;
  }

  private cachedTokens(request: GenerateContentRequest): number | undefined {
    return request.cachedContent === undefined ? 0 : this.options.cachedTokens(request.cachedContent);
  }

  private refuse(call: ModelCall, refusal: Refusal, scenario: Scenario = {}): void {
    this.play(call, refusalScript(this.stage(call, scenario), refusal));
  }

  private stage(call: ModelCall, scenario: Scenario): Stage {
    return { route: call.route, scenario, headers: this.headers(call) };
  }

  private headers(call: ModelCall): Record<string, string> {
    if (call.route.api === 'vertex') return {};
    const durationMs = Math.round(this.options.clock.monotonicMs() - call.arrivedMs);
    return { 'server-timing': `gfet4t7; dur=${durationMs}`, 'x-gemini-service-tier': 'standard' };
  }

  private play(call: ModelCall, script: Script): void {
    new Playback(call.res, script, call.entry, this.options.ledger, this.options.clock).start();
  }

  /** The short way for answers that are not scripted: one write. */
  private reply(call: ModelCall, body: GenerateContentResponse): void {
    const { entry, res } = call;
    const text = JSON.stringify(body);
    const bytes = Buffer.byteLength(text);
    const headers = this.headers(call);
    headers['content-type'] = JSON_TYPE;
    headers['content-length'] = String(bytes);
    entry.status = 200;
    entry.chunksSent = 1;
    entry.bytesOut = bytes;
    if (body.candidates !== undefined) this.options.ledger.meter(entry, body.usageMetadata);
    this.options.ledger.close(entry, 'ok');
    res.writeHead(200, headers);
    res.end(text);
  }
}

function stalls(call: ModelCall, scenario: Scenario): boolean {
  return call.route.stream && scenario.cutAfterChunks !== undefined;
}

function serves(model: EmulatedModel, route: ModelRoute): boolean {
  const embeds = route.operation.toLowerCase().includes('embed') || route.operation === 'predict';
  const either = route.operation === 'countTokens' || route.operation === 'getModel';
  return either || (model.kind === 'embed') === embeds;
}

function parsed(body: Buffer): JsonObject | undefined {
  if (body.length === 0) return {};
  try {
    const value: unknown = JSON.parse(body.toString());
    return isJsonObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Text that scenarios match in requests that are no generations. */
function textOf(request: JsonObject): string {
  return JSON.stringify(request);
}

/** The text that a scenario or the general pace wants in place of the echo. */
function fixedText({ text, chunkText, chunkSize, chunks = FEW_CHUNKS }: Scenario): string | undefined {
  if (text !== undefined) return text;
  if (chunkText !== undefined) return chunkText.repeat(chunks);
  if (chunkSize === undefined) return undefined;
  const length = chunkSize * chunks;
  return FILLER.repeat(Math.ceil(length / FILLER.length)).slice(0, length);
}
