import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../core/clock.js';
import type { GenerateContentRequest, GenerateContentResponse } from '../core/gemini-wire.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import { answer } from './answer.js';
import { CallPlayer, type ModelCall } from './call-player.js';
import { type Callers, credentialOf } from './callers.js';
import { type CachedTokens, countTokens, type PlainAnswer } from './counting.js';
import { batchEmbedContents, embedContent, predict } from './embed-operations.js';
import { invalidArgument, modelNotFound, type Refusal } from './google-errors.js';
import type { Ledger } from './ledger.js';
import { modelListing } from './model-listing.js';
import { type EmulatedModel, findModel } from './models.js';
import { type Prompt, readPrompt } from './prompt.js';
import { camelCased } from './proto-json.js';
import type { Quotas } from './quotas.js';
import { checkSettings, checkShape, checkSignatures } from './request-checks.js';
import type { ModelRoute } from './routes.js';
import type { Scenario } from './scenario.js';
import { type Effect, SCENARIO_KINDS } from './scenario-kinds.js';
import type { Scenarios } from './scenarios.js';
import { answerScript, muteScript, unaryScript } from './scripts.js';

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

const FEW_CHUNKS = 4;
const SHORTEST_DEADLINE_S = 10;
const FILLER = 'The quick brown fox jumps over the lazy dog. ';

/** Answers the methods on models: who calls, what is asked, which scenario, which limits, and the answer. */
export class ModelCalls {
  private readonly plain: boolean;
  private readonly player: CallPlayer;

  constructor(private readonly options: ModelCallsOptions) {
    this.plain = Object.keys(options.pace).length === 0;
    this.player = new CallPlayer(options.ledger, options.clock);
  }

  /** Answers one call whose body has been read. */
  answer(route: ModelRoute, req: IncomingMessage, res: ServerResponse, body: Buffer): void {
    const { callers, ledger, clock } = this.options;
    const { headers } = req;
    const credential = credentialOf(headers, route.query);
    const caller = callers.identify(credential, route.api, route.project);
    const refused = 'status' in caller;
    const timeout = headers['x-server-timeout'];
    const client = headers['x-goog-api-client'];
    const entry = ledger.open({
      at: clock.wallMs(),
      key: credential.value,
      project: refused ? route.project : caller.project,
      model: route.model,
      operation: route.operation,
      stream: route.stream,
      path: route.path,
      bytesIn: body.length,
      serverTimeout: typeof timeout === 'string' ? timeout : undefined,
      apiClient: typeof client === 'string' ? client : undefined,
    });
    const call: ModelCall = { route, res, entry, arrivedMs: clock.monotonicMs(), serviceTier: 'standard' };
    if (refused) return this.player.refuse(call, caller);
    const request = parsed(body);
    if (request === undefined)
      return this.player.refuse(call, invalidArgument('Invalid JSON payload received. Expected an object.'));
    this.operate(call, camelCased(request));
  }

  private operate(call: ModelCall, request: JsonObject): void {
    const { route } = call;
    if (route.operation === 'listModels') return this.plainly(call, '', modelListing(route));
    const model = findModel(route.model);
    if (model === undefined || !serves(model, route))
      return this.player.refuse(call, modelNotFound(route.model, route.version, route.operation));
    const seconds = call.entry.serverTimeout;
    if (seconds !== undefined && Number(seconds) < SHORTEST_DEADLINE_S)
      return this.player.refuse(
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
    if (misshapen !== undefined) return this.player.refuse(call, misshapen);
    const prompt = readPrompt(request);
    call.entry.unknownPartFields = prompt.unknownPartFields;
    if (typeof request.serviceTier === 'string') call.serviceTier = request.serviceTier;
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
      this.admit(call, prompt.tokens);
    if (fault !== undefined) return this.player.refuse(call, fault, scenario);
    const response = this.response(call.route, request, prompt, cached ?? 0, scenario);
    if (scenario === undefined && this.plain && !call.route.stream) return this.player.reply(call, response);
    const played = scenario ?? this.options.pace;
    this.player.play(
      call,
      answerScript(this.player.stage(call, played), response, effect, played.chunks ?? FEW_CHUNKS),
    );
  }

  /** Counts the call, or says how it is refused. */
  private admit({ entry, route }: ModelCall, tokens: number): Refusal | undefined {
    const refusal = this.options.quotas.admit(entry.project, route.location, route.model, tokens);
    if (refusal === undefined) entry.quotaTokens = tokens;
    return refusal;
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
      stream: route.stream,
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
    if ('status' in result) return this.player.refuse(call, result, scenario);
    const { operation } = call.route;
    const counted = operation !== 'listModels' && operation !== 'getModel' && operation !== 'countTokens';
    const fault = counted ? this.admit(call, result.prompt.tokens) : undefined;
    if (fault !== undefined) return this.player.refuse(call, fault, scenario);
    if (counted) call.entry.inputTokens = result.prompt.tokens;
    if (scenario === undefined) this.player.reply(call, result.body);
    else this.player.play(call, unaryScript(this.player.stage(call, scenario), result.body, effect));
  }

  private scenarioFor(call: ModelCall, text: string): Scenario | undefined {
    const { scenarios } = this.options;
    if (scenarios.empty) return undefined;
    const { model, operation, key } = call.entry;
    return scenarios.take({ model, operation, key, text, project: call.entry.project });
  }

  /** Plays what needs no answer. */
  private preempted(call: ModelCall, scenario: Scenario, effect: Effect): boolean {
    if (effect.type === 'refuse') {
      this.player.refuse(call, effect.refusal(scenario, call.route), scenario);
      return true;
    }
    // With chunks before it, silence is a stream that stalls.
    const mute = effect.type === 'reset' || (effect.type === 'silence' && !stalls(call, scenario));
    if (mute) this.player.play(call, muteScript(this.player.stage(call, scenario), effect.type));
    return mute;
  }

  private cachedTokens(request: GenerateContentRequest): number | undefined {
    return request.cachedContent === undefined ? 0 : this.options.cachedTokens(request.cachedContent);
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
