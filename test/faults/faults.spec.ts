import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../helpers/eventually.js';
import { jsonOf } from '../helpers/rest-answers.js';
import { DRAIN_MS, startFaultRig, type FaultRig } from './fault-rig.js';
import { faultRun, type RunReport } from './fault-run.js';
import { RUNS, SEED } from './fault-settings.js';
import { FAULT_TABLE, type FaultRow } from './fault-table.js';

/** Rows that are played at the same time: a fault of one project must not reach the others. */
const AT_ONCE = 5;
const RUN_BOUND_MS = 8_000;

describe(`faults between gateway and upstream (FAULT_SEED=${SEED} FAULT_RUNS=${RUNS})`, () => {
  let rig: FaultRig;
  const reports = new Map<FaultRow, RunReport[]>();

  beforeAll(
    async () => {
      rig = await startFaultRig(FAULT_TABLE.length, SEED);
      // The gateway looks at its projects once at the start; that is no part of any run.
      await eventually(async () => {
        const { projects } = (await jsonOf(rig.under.call('/health'))).json;
        return Object.keys(projects ?? {}).length === FAULT_TABLE.length;
      }, 'the first look at every project');
      const waiting = [...FAULT_TABLE.entries()];
      const player = async (): Promise<void> => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await play(...next);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, player));
    },
    60_000 + FAULT_TABLE.length * RUNS * RUN_BOUND_MS,
  );
  afterAll(() => void process.stdout.write(tableOf(reports)));

  async function play(position: number, row: FaultRow): Promise<void> {
    const lane = rig.lanes[position];
    if (lane === undefined) throw new Error('every row has a lane');
    const made: RunReport[] = [];
    reports.set(row, made);
    for (let index = 0; index < RUNS; index += 1)
      for (const stream of [false, true]) made.push(await faultRun(rig, lane, row, { stream, index }));
  }

  it.each(FAULT_TABLE.map((row) => [row.name, row] as const))('%s', (_name, row) => {
    const made = reports.get(row) ?? [];
    expect(made).toHaveLength(2 * RUNS);
    expect(made.flatMap(({ problems }) => problems)).toEqual([]);
  });

  it('hold nothing up: no call is open in the gateway after the last', async () => {
    expect(await rig.close()).toBeLessThan(DRAIN_MS / 2);
  });
});

function tableOf(reports: ReadonlyMap<FaultRow, readonly RunReport[]>): string {
  const rows = FAULT_TABLE.map((row) => {
    const made = reports.get(row) ?? [];
    const counts = new Map<string, number>();
    for (const { outcome } of made) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    const equal = made.filter((report) => report.equal).length;
    return [
      row.name,
      String(made.length),
      [...counts].map(([outcome, count]) => `${outcome} ${count}`).join(', '),
      String(made.reduce((total, { upstreamCalls }) => total + upstreamCalls, 0)),
      equal === made.length ? 'equal' : `equal in ${equal}; ${row.loses} lost on the way`,
    ];
  });
  const all = [['fault', 'runs', 'outcomes', 'upstream calls', 'ledger'], ...rows];
  const widths =
    all[0]?.map((_, column) => Math.max(...all.map((cells) => cells[column]?.length ?? 0))) ?? [];
  const lines = all.map((cells) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return `FAULT_SEED=${SEED} FAULT_RUNS=${RUNS}\n${lines.join('\n')}\n`;
}
