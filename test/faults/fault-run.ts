import type { LedgerEntry } from '../../src/emulator/ledger.js';
import { hashText, Random } from '../../src/emulator/random.js';
import { eventually } from '../helpers/eventually.js';
import type { FaultRig, Lane } from './fault-rig.js';
import { SEED } from './fault-settings.js';
import type { FaultRow } from './fault-table.js';
import { ask, HANG_MS, type Seen } from './one-call.js';

/** How one call went while a fault was in force. */
export interface RunReport {
  /** `answered`, or the reason of the error. */
  readonly outcome: string;
  readonly upstreamCalls: number;
  /** Whether log line and ledger name the same calls and tokens. */
  readonly equal: boolean;
  /** Everything that should not have been. */
  readonly problems: readonly string[];
}

const MAX_TRIES = 3;
/** One in use and one that was opened before the last was closed. */
const MAX_IDLE_CONNECTIONS = 2;
/** The emulator says that much of a prompt again. */
const ECHO_CHARACTERS = 200;

/** Makes one call under a row's fault and judges it. The same seed, row, kind and index give the same fault. */
export async function faultRun(
  rig: FaultRig,
  lane: Lane,
  row: FaultRow,
  run: { readonly stream: boolean; readonly index: number },
): Promise<RunReport> {
  const id = `${lane.model}.${run.stream ? 'stream' : 'unary'}.${run.index}`;
  const fault = row.fault(new Random(hashText(`${row.name}/${id}`, SEED)), run.stream);
  const before = lane.calls().length;
  if (fault !== undefined) lane.proxy.set(fault);
  const seen = await ask(rig.under, questionOf(lane, id, run.stream));
  lane.proxy.clear();
  const line = await lineOf(rig, id);
  const calls = await eventually(() => {
    const made = lane.calls().slice(before);
    return made.every(({ outcome }) => outcome !== 'open') && made;
  }, `the end of the upstream calls of ${id}`);
  const account = accountOf(line, calls);
  const problems = [
    ...seenProblems(row, id, seen),
    ...accountProblems(row, account),
    ...callProblems(seen, calls, line),
    ...(await recoveryProblems(rig, lane, id)),
  ];
  return {
    outcome: seen.reason ?? 'answered',
    upstreamCalls: calls.length,
    equal: account.missedCalls === 0 && account.missedTokens === 0,
    problems: problems.map((problem) => `${id} under ${JSON.stringify(fault ?? 'no fault')}: ${problem}`),
  };
}

const promptOf = (id: string): string => `${id}: ${'and so on, and so forth; '.repeat(28)}`;
const questionOf = ({ model }: Lane, id: string, stream: boolean) => ({
  id,
  model,
  prompt: promptOf(id),
  stream,
});
const isRight = (id: string, text: string): boolean =>
  text.includes(`"${promptOf(id).slice(0, ECHO_CHARACTERS)}". `);

function seenProblems(row: FaultRow, id: string, { tookMs, reason, malformed, ...seen }: Seen): string[] {
  const problems: string[] = [];
  if (malformed !== undefined) problems.push(`no typed answer: ${malformed}`);
  if (tookMs > HANG_MS) problems.push(`it took ${Math.round(tookMs)} ms`);
  if (reason !== undefined && !row.failures.includes(reason as never))
    problems.push(`it failed with ${reason}`);
  if (reason === undefined && !row.answers) problems.push('it was answered');
  return problems.concat(
    reason === undefined && !isRight(id, seen.text) ? [`the answer is wrong: ${seen.text}`] : [],
  );
}

/** What the gateway says that a call took, beside what the upstream says. */
interface Account {
  /** Attempts of the gateway that the upstream does not know. */
  readonly missedCalls: number;
  /** Tokens that the upstream counted and the gateway did not. */
  readonly missedTokens: number;
}

function accountOf(line: Record<string, unknown>, calls: readonly LedgerEntry[]): Account {
  const logged = ['input_tokens', 'output_tokens', 'thoughts_tokens'].map((name) => Number(line[name]));
  const told = calls.flatMap(({ inputTokens, outputTokens, thoughtsTokens }) => [
    inputTokens,
    outputTokens,
    thoughtsTokens,
  ]);
  return {
    missedCalls: Number(line['retry_count']) + 1 - calls.length,
    missedTokens: sum(told) - sum(logged),
  };
}

function accountProblems({ loses }: FaultRow, { missedCalls, missedTokens }: Account): string[] {
  const calls = loses === 'requests' ? missedCalls >= 0 : missedCalls === 0;
  const tokens = loses === 'answers' ? missedTokens >= 0 : missedTokens === 0;
  return [
    ...(calls ? [] : [`the upstream knows of ${-missedCalls} calls more than the log`]),
    ...(tokens ? [] : [`the upstream counted ${missedTokens} tokens more than the log`]),
  ];
}

function callProblems(seen: Seen, calls: readonly LedgerEntry[], line: Record<string, unknown>): string[] {
  const problems: string[] = [];
  const tries = Number(line['retry_count']) + 1;
  if (tries > MAX_TRIES) problems.push(`${tries} tries on one target`);
  const { firstPieceAtMs = Infinity } = seen;
  if (calls.some(({ at }) => at > firstPieceAtMs)) problems.push('a call was made after the first event');
  if (seen.text !== '' && line['input_tokens'] === 0)
    problems.push('the tokens of what came are not counted');
  if (seen.reason !== undefined && line['outcome'] !== seen.reason)
    problems.push(`the caller saw ${seen.reason}, the log says ${String(line['outcome'])}`);
  return problems;
}

/** The same gateway answers as if nothing had been, and holds no connection that it does not need. */
async function recoveryProblems(rig: FaultRig, lane: Lane, id: string): Promise<string[]> {
  try {
    let tries = 0;
    await eventually(async () => {
      tries += 1;
      const name = `${id}.after.${tries}`;
      const { reason, text } = await ask(rig.under, questionOf(lane, name, false));
      return reason === undefined && isRight(name, text);
    }, 'an answer after the fault');
    await eventually(() => lane.proxy.connections <= MAX_IDLE_CONNECTIONS, 'the end of idle connections');
    return [];
  } catch (thrown) {
    return [String(thrown)];
  }
}

async function lineOf({ under }: FaultRig, id: string): Promise<Record<string, unknown>> {
  const text = await eventually(
    () => {
      const lines = under.logText();
      const at = lines.lastIndexOf(`"request_id":"${id}"`);
      return at >= 0 && lines.slice(lines.lastIndexOf('\n', at) + 1, lines.indexOf('\n', at));
    },
    `the log line of ${id}`,
    HANG_MS,
  );
  return JSON.parse(text) as Record<string, unknown>;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
