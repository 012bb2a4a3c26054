import type { Clock } from '../core/clock.js';
import { isJsonObject } from '../core/json.js';
import type { Refusal } from './google-errors.js';
import { msToPacificMidnight, pacificDay } from './pacific-day.js';
import { quotaExceeded, type QuotaKind, type QuotaTier } from './quota-errors.js';

/** Limits of one project on one model. What is absent is not limited; zero is a gate. */
export interface QuotaRule {
  /** Every project when absent. */
  readonly project?: string;
  /** Every model when absent; each has its own counters nevertheless. */
  readonly model?: string;
  /** Requests per minute. */
  readonly rpm?: number;
  /** Input tokens per minute. */
  readonly tpm?: number;
  /** Requests per day, from midnight to midnight Pacific time. */
  readonly rpd?: number;
  /** Whose names the refusals carry; `paid` by default. */
  readonly tier?: QuotaTier;
}

/** Thrown for rules that are none; the message names the field. */
export class QuotaRuleError extends Error {
  override readonly name = 'QuotaRuleError';
}

const LIMITS: ReadonlySet<string> = new Set(['rpm', 'tpm', 'rpd']);
const TIERS: ReadonlySet<unknown> = new Set(['free', 'paid', 'paid-tier-2'] satisfies QuotaTier[]);
const MINUTE_MS = 60_000;

/** The rules in a JSON list. Throws QuotaRuleError. */
export function quotaRulesFrom(value: unknown): QuotaRule[] {
  if (!Array.isArray(value)) throw new QuotaRuleError('Quotas are a JSON list of rules.');
  for (const rule of value) {
    if (!isJsonObject(rule)) throw new QuotaRuleError('A quota rule is a JSON object.');
    for (const [field, content] of Object.entries(rule)) {
      const valid = LIMITS.has(field)
        ? typeof content === 'number' && content >= 0
        : field === 'tier'
          ? TIERS.has(content)
          : (field === 'project' || field === 'model') && typeof content === 'string';
      if (!valid) throw new QuotaRuleError(`Unknown or bad field of a quota rule: "${field}".`);
    }
  }
  return value as QuotaRule[];
}

interface Counters {
  minute: number;
  requests: number;
  tokens: number;
  day: number;
  dayRequests: number;
}

/** Counts and refuses calls per project, location and model as Google does. Refused calls are not counted. */
export class Quotas {
  private counters = new Map<string, Counters>();

  constructor(
    private readonly clock: Clock,
    private current: readonly QuotaRule[],
  ) {}

  get rules(): readonly QuotaRule[] {
    return this.current;
  }

  /** Puts other rules in force and starts counting anew. */
  replace(rules: readonly QuotaRule[]): void {
    this.current = rules;
    this.counters = new Map();
  }

  /** Counts the call, or says how it is refused. The first rule that names project and model, or neither, applies. */
  admit(project: string, location: string, model: string, inputTokens: number): Refusal | undefined {
    if (this.current.length === 0) return undefined;
    const rule = this.current.find(
      (each) =>
        (each.project === undefined || each.project === project) &&
        (each.model === undefined || each.model === model),
    );
    if (rule === undefined) return undefined;
    const nowMs = this.clock.wallMs();
    const counters = this.countersOf(`${project} ${location} ${model}`, nowMs);
    const exceeded = exceededBy(rule, counters, inputTokens);
    if (exceeded !== undefined)
      return quotaExceeded({
        kind: exceeded.limit === 0 ? 'gate' : exceeded.kind,
        tier: rule.tier ?? 'paid',
        model,
        location,
        limit: exceeded.limit,
        retryAfterMs:
          exceeded.kind === 'rate-day' ? msToPacificMidnight(nowMs) : MINUTE_MS - (nowMs % MINUTE_MS),
      });
    counters.requests++;
    counters.tokens += inputTokens;
    counters.dayRequests++;
    return undefined;
  }

  private countersOf(key: string, nowMs: number): Counters {
    const minute = Math.floor(nowMs / MINUTE_MS);
    const day = pacificDay(nowMs);
    let counters = this.counters.get(key);
    if (counters === undefined) {
      counters = { minute, requests: 0, tokens: 0, day, dayRequests: 0 };
      this.counters.set(key, counters);
    }
    if (counters.minute !== minute) Object.assign(counters, { minute, requests: 0, tokens: 0 });
    if (counters.day !== day) Object.assign(counters, { day, dayRequests: 0 });
    return counters;
  }
}

function exceededBy(
  rule: QuotaRule,
  counters: Counters,
  inputTokens: number,
): { kind: QuotaKind; limit: number } | undefined {
  if (rule.rpd !== undefined && counters.dayRequests >= rule.rpd)
    return { kind: 'rate-day', limit: rule.rpd };
  if (rule.rpm !== undefined && counters.requests >= rule.rpm)
    return { kind: 'rate-minute', limit: rule.rpm };
  if (rule.tpm !== undefined && counters.tokens + inputTokens > rule.tpm)
    return { kind: 'rate-tokens', limit: rule.tpm };
  return undefined;
}
