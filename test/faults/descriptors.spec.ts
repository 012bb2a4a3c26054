import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../helpers/eventually.js';
import { processUnderTest, type ProcessUnderTest } from './gateway-processes.js';

const OPEN_FILES = 256;
const CALLERS = 400;
const CALLERS_AFTER = 50;
const HOLD_MS = 300;
/** What a caller may be told while there are no descriptors; without one it is told nothing. No target is blamed. */
const REFUSALS = ['QUEUE_FULL', 'DEADLINE_EXCEEDED'];

describe(`a gateway that may open ${OPEN_FILES} files, with ${CALLERS} callers at once`, () => {
  let under: ProcessUnderTest;
  afterEach(() => under.close());

  /** The answer's status or the code of its error; `none` where the connection was refused or cut. */
  async function outcomeOf(body: object): Promise<string> {
    try {
      const response = await under.generate(body);
      const { code } = (await response.body.json()) as { code?: string };
      return code ?? String(response.statusCode);
    } catch {
      return 'none';
    }
  }

  /** How often each outcome was seen in the rush. Fails unless the same process answers everybody after it. */
  async function rush(environment: Record<string, string>): Promise<ReadonlyMap<string, number>> {
    under = await processUnderTest(environment, OPEN_FILES);
    under.emulator.scenarios.add({ times: 0, delayMs: HOLD_MS });
    const calls = Array.from({ length: CALLERS }, () => outcomeOf({ timeoutMs: 10_000 }));
    const counts = new Map<string, number>();
    for (const outcome of await Promise.all(calls)) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    process.stdout.write(`${CALLERS} callers, ${OPEN_FILES} files: ${JSON.stringify([...counts])}\n`);
    under.emulator.scenarios.clear();
    await eventually(async () => (await outcomeOf({})) === '200', 'an answer after the rush');
    const after = await Promise.all(Array.from({ length: CALLERS_AFTER }, () => outcomeOf({})));
    expect(after.filter((outcome) => outcome !== '200')).toEqual([]);
    expect(under.gateway.child.exitCode).toBeNull();
    const { ledger } = under.emulator;
    await eventually(() => ledger.calls.every(({ outcome }) => outcome !== 'open'), 'the end of every call');
    return counts;
  }

  it('answers everybody whom it lets in, and lets in as many as it has files for', async () => {
    const counts = await rush({});
    expect([...counts.keys()].toSorted()).toEqual(['200', 'none']);
    expect(counts.get('200')).toBeGreaterThanOrEqual((OPEN_FILES - 64) / 2);
  }, 60_000);

  it('without a bound answers or says why not, outlives them, and is well again after', async () => {
    const counts = await rush({ GATEWAY__SERVER__MAX_CONNECTIONS: '10000' });
    expect([...counts.keys()].filter((one) => !['200', 'none', ...REFUSALS].includes(one))).toEqual([]);
    expect(counts.get('QUEUE_FULL')).toBeGreaterThan(0);
  }, 60_000);
});
