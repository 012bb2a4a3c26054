import { type Exchange, sendJson, type Wing } from './exchange.js';
import type { Ledger } from './ledger.js';
import { QuotaRuleError, type Quotas, quotaRulesFrom } from './quotas.js';
import type { Scenario } from './scenario.js';
import { ScenarioError } from './scenario.js';
import type { Scenarios } from './scenarios.js';

/** What the control routes show and set. */
export interface ControlOptions {
  readonly scenarios: Scenarios;
  readonly ledger: Ledger;
  readonly quotas: Quotas;
}

type Handler = (exchange: Exchange) => unknown;

/**
 * `/emulator/scenarios` (GET, POST, DELETE), `/emulator/ledger` (GET with `?since=<id>`, DELETE) and
 * `/emulator/quotas` (GET, PUT). What cannot be understood is refused with 400 and `{ error }`.
 */
export function controlWing({ scenarios, ledger, quotas }: ControlOptions): Wing {
  const handlers: Readonly<Record<string, Handler>> = {
    'GET /emulator/scenarios': () => ({ scenarios: scenarios.list() }),
    'POST /emulator/scenarios': async (exchange) => ({
      ids: scenarios.add((await jsonBody(exchange)) as Scenario | readonly Scenario[]),
    }),
    'DELETE /emulator/scenarios': () => {
      scenarios.clear();
      return {};
    },
    'GET /emulator/ledger': ({ query }) => {
      const since = Number(query.get('since') ?? 0);
      return { calls: ledger.calls.filter((call) => call.id > since), totals: ledger.totals };
    },
    'DELETE /emulator/ledger': () => {
      ledger.clear();
      return {};
    },
    'GET /emulator/quotas': () => ({ quotas: quotas.rules }),
    'PUT /emulator/quotas': async (exchange) => {
      quotas.replace(quotaRulesFrom(await jsonBody(exchange)));
      return { quotas: quotas.rules };
    },
  };
  return async (exchange) => {
    if (!exchange.path.startsWith('/emulator/')) return false;
    const handler = handlers[`${exchange.method} ${exchange.path}`];
    if (handler === undefined) {
      sendJson(exchange, 404, { error: `No such route. Routes: ${Object.keys(handlers).join(', ')}.` });
      return true;
    }
    try {
      sendJson(exchange, 200, await handler(exchange));
    } catch (error) {
      const told =
        error instanceof ScenarioError || error instanceof QuotaRuleError || error instanceof SyntaxError;
      if (!told) throw error;
      sendJson(exchange, 400, { error: error.message });
    }
    return true;
  };
}

async function jsonBody(exchange: Exchange): Promise<unknown> {
  return JSON.parse((await exchange.readBody()).toString());
}
