import { ANSWER_MS, mostPerMinute, type Quota, QUOTAS } from './quota-limits.ts';
import { MEAN_TOKENS, PRIORITIES, type CallEnd } from './quota-load.ts';

/** What the report needs of a call in the emulator's ledger. */
export interface UpstreamCall {
  /** Wall time. */
  readonly at: number;
  readonly project: string;
  readonly model: string;
  readonly operation: string;
  readonly outcome: string;
  /** Input tokens that the quota counted. */
  readonly quotaTokens: number;
}

/** Measures of one scenario by name. */
export type Measures = Readonly<Record<string, number>>;

const WINDOW_MS = 60_000;
/** What the emulator calls the refusals for quotas of a minute. */
const REFUSED = /^(?:rate-|gate$|shared-capacity$)/;

/** What came of one scenario. */
export function measures(
  ends: readonly CallEnd[],
  upstream: readonly UpstreamCall[],
  minutes: number,
): Measures {
  const answered = ends.filter(({ outcome }) => outcome === 'answered');
  const most = mostPerMinute(MEAN_TOKENS) * minutes;
  const refused = upstream.filter(({ outcome }) => REFUSED.test(outcome)).length;
  return {
    'calls offered': ends.length,
    'calls completed': answered.length,
    'theoretical maximum': most,
    'completed, % of the maximum': percent(answered.length, most),
    'tightest limit used, % (mean of targets)': tightestUse(upstream, minutes),
    'upstream calls': upstream.length,
    'upstream 429s': refused,
    'upstream 429s, % of upstream calls': percent(refused, upstream.length),
    ...refusalsByKind(upstream),
    ...waits(answered),
    ...byClass(ends, answered),
    ...refusals(ends),
    ...fullestWindows(upstream),
  };
}

/**
 * How much of the tighter of its limits each target was made use of. Unlike the number of calls it cannot gain by small
 * prompts being let through before large ones.
 */
function tightestUse(upstream: readonly UpstreamCall[], minutes: number): number {
  const shares = QUOTAS.map((quota) => {
    const admitted = upstream.filter((call) => isAdmittedBy(quota, call));
    const tokens = admitted.reduce((sum, { quotaTokens }) => sum + quotaTokens, 0);
    return Math.max(admitted.length / quota.rpm, tokens / quota.tpm) / minutes;
  });
  return percent(
    shares.reduce((sum, share) => sum + share, 0),
    shares.length,
  );
}

function isAdmittedBy({ project, model }: Quota, call: UpstreamCall): boolean {
  return call.project === project && call.model === model && !REFUSED.test(call.outcome);
}

/** Upstream refusals by what they were for; those of the first minute, in which estimates are still uncalibrated, apart. */
function refusalsByKind(upstream: readonly UpstreamCall[]): Measures {
  const firstMs = (upstream[0]?.at ?? 0) + WINDOW_MS;
  const counts: Record<string, number> = {};
  for (const { at, outcome } of upstream) {
    if (!REFUSED.test(outcome)) continue;
    const name = `upstream 429s, ${outcome}, ${at < firstMs ? 'first minute' : 'later'}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** From sending to the whole answer, without what the emulator takes. */
function waits(answered: readonly CallEnd[]): Measures {
  const rows = PRIORITIES.flatMap((priority) => {
    const waited = answered
      .filter(({ call }) => call.priority === priority)
      .map(({ tookMs }) => Math.max(0, tookMs - ANSWER_MS) / 1_000)
      .toSorted((left, right) => left - right);
    return [0.5, 0.99].map(
      (share) =>
        [
          `wait, ${priority}, s (p${100 * share})`,
          waited[Math.min(waited.length - 1, Math.floor(share * waited.length))] ?? 0,
        ] as const,
    );
  });
  const waited = Object.fromEntries(rows);
  const p99 = (name: string): number => waited[`wait, ${name}, s (p99)`] ?? 0;
  return { ...waited, 'wait p99, interactive / batch': p99('interactive') / p99('batch') };
}

function byClass(ends: readonly CallEnd[], answered: readonly CallEnd[]): Measures {
  return Object.fromEntries(
    PRIORITIES.map((priority) => {
      const ofClass = ({ call }: CallEnd): boolean => call.priority === priority;
      return [
        `completed, ${priority}, % of offered`,
        percent(answered.filter(ofClass).length, ends.filter(ofClass).length),
      ];
    }),
  );
}

function refusals(ends: readonly CallEnd[]): Measures {
  const counts: Record<string, number> = {};
  for (const { call, outcome } of ends) {
    if (outcome === 'answered') continue;
    const name = outcome === 'waiting' ? 'waiting at the end' : `refused, ${outcome}, ${call.priority}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).toSorted(([left], [right]) => left.localeCompare(right)));
}

/** The most that the upstream admitted within any 60 s, in its own limits. */
function fullestWindows(upstream: readonly UpstreamCall[]): Measures {
  const rows = QUOTAS.flatMap((quota) => {
    const { project, model, rpm, tpm } = quota;
    const admitted = upstream.filter((call) => isAdmittedBy(quota, call));
    const fullest = { requests: 0, tokens: 0 };
    let tokens = 0;
    let first = 0;
    for (const [index, { at, quotaTokens }] of admitted.entries()) {
      tokens += quotaTokens;
      for (; (admitted[first]?.at ?? at) <= at - WINDOW_MS; first += 1)
        tokens -= admitted[first]?.quotaTokens ?? 0;
      fullest.requests = Math.max(fullest.requests, index - first + 1);
      fullest.tokens = Math.max(fullest.tokens, tokens);
    }
    const target = `${project}/${model}`;
    return [
      [`fullest 60 s, requests, x limit, ${target}`, fullest.requests / rpm] as const,
      [`fullest 60 s, input tokens, x limit, ${target}`, fullest.tokens / tpm] as const,
    ];
  });
  return {
    'fullest 60 s, x limit': Math.max(...rows.map(([, value]) => value)),
    ...Object.fromEntries(rows),
  };
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : (100 * part) / whole;
}
