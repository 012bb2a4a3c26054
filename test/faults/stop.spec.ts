import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../helpers/eventually.js';
import { restEvents, streamedText } from '../helpers/rest-answers.js';
import { processUnderTest, type ProcessUnderTest } from './gateway-processes.js';

const STREAMS = 200;
const CHUNKS = 30;
const CHUNK_TEXT = 'and on ';

describe('SIGTERM with many streams in flight', () => {
  let under: ProcessUnderTest;
  beforeAll(async () => {
    // The grace of development is two seconds, which a busy machine needs for the streams alone.
    under = await processUnderTest({ GATEWAY__SERVER__DRAIN_TIMEOUT_MS: '20000' });
  }, 60_000);
  afterAll(() => under.close());

  it(`breaks none of ${STREAMS}, takes no new one, and ends with 0`, async () => {
    const { emulator, gateway } = under;
    emulator.scenarios.add({ times: 0, chunks: CHUNKS, chunkText: CHUNK_TEXT, chunkDelayMs: 60 });
    const answers = Array.from({ length: STREAMS }, async () => {
      const { statusCode, body } = await under.generate({ stream: true });
      return { statusCode, events: restEvents(await body.text()) };
    });
    await eventually(
      () => emulator.ledger.calls.filter(({ chunksSent }) => chunksSent > 0).length >= STREAMS,
      'the first chunk of every stream',
    );
    gateway.child.kill('SIGTERM');
    for (const { statusCode, events } of await Promise.all(answers)) {
      expect(statusCode).toBe(200);
      expect(streamedText(events)).toBe(CHUNK_TEXT.repeat(CHUNKS));
      expect(events.at(-1)).toMatchObject({ event: 'done', data: { finishReason: 'STOP' } });
    }
    expect(await gateway.ended).toEqual({ code: 0, signal: null });
    const calls = emulator.ledger.calls.filter(({ stream }) => stream);
    expect(calls).toHaveLength(STREAMS);
    expect(calls.filter(({ aborted }) => aborted)).toEqual([]);
    await expect(under.generate({})).rejects.toThrow();
  }, 60_000);
});
