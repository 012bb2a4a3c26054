import type { ServerResponse } from 'node:http';
import type { Clock } from '../core/clock.js';
import type { GenerateContentResponse } from '../core/gemini-wire.js';
import { JSON_TYPE, type Refusal } from './google-errors.js';
import type { Ledger, LedgerEntry } from './ledger.js';
import { Playback, type Script } from './playback.js';
import type { ModelRoute } from './routes.js';
import type { Scenario } from './scenario.js';
import { refusalScript, type Stage } from './scripts.js';

/** One call to a method of a model, its body read. */
export interface ModelCall {
  readonly route: ModelRoute;
  readonly res: ServerResponse;
  readonly arrivedMs: number;
  readonly entry: LedgerEntry;
  /** The tier that the call is served with: the one it asks for. */
  serviceTier: string;
}

/** Sends what was decided, and keeps the ledger. */
export class CallPlayer {
  constructor(
    private readonly ledger: Ledger,
    private readonly clock: Clock,
  ) {}

  /** Answers with an error, at the pace of the scenario. */
  refuse(call: ModelCall, refusal: Refusal, scenario: Scenario = {}): void {
    this.play(call, refusalScript(this.stage(call, scenario), refusal));
  }

  /** What the scripts of a call have in common. */
  stage(call: ModelCall, scenario: Scenario): Stage {
    return { route: call.route, scenario, headers: this.headers(call) };
  }

  /** Plays a script. */
  play(call: ModelCall, script: Script): void {
    new Playback(call.res, script, call.entry, this.ledger, this.clock).start();
  }

  /** The short way for answers that are not scripted: one write. */
  reply(call: ModelCall, body: GenerateContentResponse): void {
    const { entry, res } = call;
    const text = JSON.stringify(body);
    const bytes = Buffer.byteLength(text);
    entry.status = 200;
    entry.chunksSent = 1;
    entry.bytesOut = bytes;
    if (body.candidates !== undefined) this.ledger.meter(entry, body.usageMetadata);
    this.ledger.close(entry, 'ok');
    const headers = this.headers(call);
    headers['content-type'] = JSON_TYPE;
    headers['content-length'] = String(bytes);
    res.writeHead(200, headers);
    // Plain ASCII, the usual case, is cheaper to write as Latin-1.
    res.end(text, bytes === text.length ? 'latin1' : 'utf8');
  }

  private headers(call: ModelCall): Record<string, string> {
    if (call.route.api === 'vertex') return {};
    const durationMs = Math.round(this.clock.monotonicMs() - call.arrivedMs);
    return { 'server-timing': `gfet4t7; dur=${durationMs}`, 'x-gemini-service-tier': call.serviceTier };
  }
}
