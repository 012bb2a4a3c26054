import { describe, expect, it } from '@jest/globals';
import { CallRecord } from '../../../src/core/call-record.js';
import { usageFixture } from '../../helpers/calls.js';

const left = { kind: 'abandoned', usage: usageFixture(3, 1) } as const;

describe('CallRecord', () => {
  it('calls its listener when the call ends, and has the outcome by then', () => {
    const record = new CallRecord(0);
    const heard: unknown[] = [];
    record.whenSettled(() => heard.push(record.outcome));
    expect(heard).toEqual([]);
    record.settle(left);
    expect(heard).toEqual([left]);
  });

  it('calls at once a listener who comes after the end', () => {
    const record = new CallRecord(0);
    record.settle(left);
    const heard: unknown[] = [];
    record.whenSettled(() => heard.push(record.outcome));
    expect(heard).toEqual([left]);
  });

  it('keeps no listener that was called: records outlive requests', () => {
    const record = new CallRecord(0);
    let calls = 0;
    record.whenSettled(() => (calls += 1));
    record.settle(left);
    record.settle(left);
    expect(calls).toBe(1);
  });

  it('counts an answer that was refused among the failed attempts, once', () => {
    const record = new CallRecord(0);
    record.attempts.push(
      { afterMs: 0, tookMs: 1, target: 'a/m', error: 'UPSTREAM_PROTOCOL' },
      { afterMs: 2, tookMs: 1, target: 'b/m' },
    );
    record.refuseAnswer('SCHEMA_MISMATCH', 'mismatch', usageFixture(3, 1));
    expect(record.attempts).toEqual([
      { afterMs: 0, tookMs: 1, target: 'a/m', error: 'UPSTREAM_PROTOCOL' },
      {
        afterMs: 2,
        tookMs: 1,
        target: 'b/m',
        error: 'SCHEMA_MISMATCH',
        trouble: 'mismatch',
        usage: usageFixture(3, 1),
      },
    ]);
    expect(record.usage()).toEqual(usageFixture(3, 1));
  });

  it('adds what failed attempts used to what the answer used', () => {
    const record = new CallRecord(0);
    record.attempts.push({
      afterMs: 0,
      tookMs: 0,
      target: 'a/m',
      error: 'UPSTREAM_PROTOCOL',
      usage: usageFixture(10, 2),
    });
    record.attempts.push({ afterMs: 0, tookMs: 0, target: 'b/m' });
    record.target = 'b/m';
    record.settle(left);
    expect(record.usage()).toEqual(usageFixture(13, 3));
  });

  it('does not count the usage of an outcome that no target gave', () => {
    const record = new CallRecord(0);
    record.attempts.push({
      afterMs: 0,
      tookMs: 0,
      target: 'a/m',
      error: 'UPSTREAM_PROTOCOL',
      usage: usageFixture(10, 2),
    });
    record.settle(left);
    expect(record.usage()).toEqual(usageFixture(10, 2));
  });

  it('counts what this call is to pay of the answer: all, nothing, or what another call did not pay', () => {
    const usages = [() => undefined, (record: CallRecord) => record.payNothing()].map((note) => {
      const record = new CallRecord(0);
      record.target = 'a/m';
      note(record);
      record.settle({ kind: 'abandoned', usage: usageFixture(10, 7) });
      return record.answerUsage();
    });
    expect(usages).toEqual([usageFixture(10, 7), usageFixture(0, 0)]);
    const heir = new CallRecord(0);
    heir.target = 'a/m';
    heir.payNothing();
    heir.payBeyond(usageFixture(10, 2));
    expect(heir.answerUsage()).toEqual(usageFixture(0, 0));
    heir.settle({ kind: 'abandoned', usage: usageFixture(10, 7) });
    expect(heir.usage()).toEqual(usageFixture(0, 5));
  });
});
