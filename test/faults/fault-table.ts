import type { Reason } from '../../src/core/gateway-error.js';
import type { Random } from '../../src/emulator/random.js';
import type { Fault } from './fault-proxy.js';

/** What a fault may do to calls. */
export interface FaultRow {
  readonly name: string;
  /** The fault for one run; undefined for none. */
  readonly fault: (random: Random, stream: boolean) => Fault | undefined;
  /** Reasons with which a call may fail; none where every call must be answered. */
  readonly failures: readonly Reason[];
  /** Whether a call may be answered all the same. */
  readonly answers: boolean;
  /**
   * What is lost between gateway and upstream: then the upstream may know of fewer calls (`requests`), or of more
   * tokens (`answers`), than the gateway.
   */
  readonly loses: 'nothing' | 'requests' | 'answers';
}

const NEVER_MS = 5_000;
const BROKEN: readonly Reason[] = ['UPSTREAM_UNAVAILABLE', 'UPSTREAM_PROTOCOL'];
const LATE: readonly Reason[] = ['UPSTREAM_UNAVAILABLE', 'DEADLINE_EXCEEDED'];

/** A place within the body of an answer. */
const midAnswer = (random: Random, stream: boolean): number => random.integer(300, stream ? 2_800 : 850);
/** A place within a request, headers included. */
const inRequest = (random: Random): number => random.integer(0, 900);

const harmless = { failures: [], answers: true, loses: 'nothing' } as const;
const breaksAnswers = { failures: BROKEN, answers: false, loses: 'answers' } as const;
const delaysAnswers = { failures: LATE, answers: false, loses: 'answers' } as const;

/** Every fault that the suite plays. */
export const FAULT_TABLE: readonly FaultRow[] = [
  { name: 'none', fault: () => undefined, ...harmless },
  {
    name: 'latency and jitter',
    fault: (random) => ({
      kind: 'latency',
      delayMs: random.integer(1, 20),
      jitterMs: 20,
      toward: random.pick(['caller', 'upstream']),
    }),
    ...harmless,
  },
  {
    name: 'request in slices',
    fault: (random) => ({ kind: 'slicer', sliceBytes: random.integer(1, 64), toward: 'upstream' }),
    ...harmless,
  },
  {
    name: 'answer in slices',
    fault: (random) => ({ kind: 'slicer', sliceBytes: random.integer(1, 64) }),
    ...harmless,
  },
  {
    name: 'narrow line',
    fault: (random) => ({ kind: 'bandwidth', bytesPerSecond: random.integer(40_000, 80_000) }),
    ...harmless,
  },
  { name: 'starved line', fault: () => ({ kind: 'bandwidth', bytesPerSecond: 200 }), ...delaysAnswers },
  { name: 'answer too late', fault: () => ({ kind: 'latency', delayMs: NEVER_MS }), ...delaysAnswers },
  {
    name: 'request too late',
    fault: () => ({ kind: 'latency', delayMs: NEVER_MS, toward: 'upstream' }),
    failures: LATE,
    answers: false,
    loses: 'requests',
  },
  {
    name: 'reset in the request',
    fault: (random) => ({ kind: 'reset', toward: 'upstream', fromByte: inRequest(random) }),
    failures: BROKEN,
    answers: false,
    loses: 'requests',
  },
  { name: 'reset before headers', fault: () => ({ kind: 'reset' }), ...breaksAnswers },
  {
    name: 'reset within headers',
    fault: (random) => ({ kind: 'reset', fromByte: random.integer(1, 150) }),
    ...breaksAnswers,
  },
  {
    name: 'reset mid-answer',
    fault: (random, stream) => ({ kind: 'reset', fromByte: midAnswer(random, stream) }),
    ...breaksAnswers,
  },
  {
    name: 'one reset connection',
    fault: (random) => ({ kind: 'reset', fromByte: random.integer(0, 150), connections: 1 }),
    failures: [],
    answers: true,
    loses: 'answers',
  },
  {
    name: 'request into a hole',
    fault: (random) => ({ kind: 'black-hole', toward: 'upstream', fromByte: inRequest(random) }),
    failures: LATE,
    answers: false,
    loses: 'requests',
  },
  { name: 'answer into a hole', fault: () => ({ kind: 'black-hole' }), ...delaysAnswers },
  {
    name: 'silence mid-answer',
    fault: (random, stream) => ({ kind: 'black-hole', fromByte: midAnswer(random, stream) }),
    ...delaysAnswers,
  },
  { name: 'close before headers', fault: () => ({ kind: 'close', afterMs: 0 }), ...breaksAnswers },
  {
    name: 'close mid-answer',
    fault: (random, stream) => ({ kind: 'close', afterMs: 0, fromByte: midAnswer(random, stream) }),
    ...breaksAnswers,
  },
  {
    name: 'slow close mid-answer',
    fault: (random, stream) => ({
      kind: 'close',
      afterMs: random.integer(20, 120),
      fromByte: midAnswer(random, stream),
    }),
    ...breaksAnswers,
  },
];
