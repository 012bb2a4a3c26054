import { GoogleGenAI, JobState, type BatchJob } from '@google/genai';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fetch } from 'undici';

import { batchesWing } from '../../../src/emulator/batches.js';
import { FileStore } from '../../../src/emulator/file-store.js';
import { filesWing } from '../../../src/emulator/files.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { serveWings, type WingServer } from '../../helpers/wing-server.js';

const DELAY_MS = 10_000;

describe('batches wing', () => {
  let clock: ManualClock;
  let server: WingServer;
  let ai: GoogleGenAI;

  beforeEach(async () => {
    clock = new ManualClock();
    const files = new FileStore(clock);
    server = await serveWings(
      filesWing(files),
      batchesWing({
        clock,
        files,
        completionDelayMs: DELAY_MS,
        answer: (model, request) => ({
          modelVersion: model,
          candidates: [{ content: { parts: [{ text: `re: ${request.contents?.[0]?.parts?.[0]?.text}` }] } }],
        }),
      }),
    );
    ai = new GoogleGenAI({
      apiKey: 'k',
      apiVersion: 'v1beta',
      httpOptions: { baseUrl: server.origin, fetch: fetch as unknown as typeof globalThis.fetch },
    });
  });
  afterEach(() => server.close());

  const create = (...texts: string[]): Promise<BatchJob> =>
    ai.batches.create({
      model: 'gemini-3.5-flash',
      src: texts.map((text) => ({
        contents: [{ role: 'user', parts: [{ text }] }],
        metadata: { for: text },
      })),
      config: { displayName: 'mine' },
    });
  const get = (job: BatchJob): Promise<BatchJob> => ai.batches.get({ name: job.name ?? '' });

  it('goes from pending over running to succeeded, and answers inline requests in order', async () => {
    const job = await create('a', 'b');
    expect(job).toMatchObject({
      state: JobState.JOB_STATE_PENDING,
      displayName: 'mine',
      model: 'models/gemini-3.5-flash',
    });
    clock.advance(DELAY_MS - 1);
    expect((await get(job)).state).toBe(JobState.JOB_STATE_RUNNING);
    clock.advance(1);
    const done = await get(job);
    expect(done.state).toBe(JobState.JOB_STATE_SUCCEEDED);
    expect(done.endTime).toBe(new Date(clock.wallMs()).toISOString());
    const responses = done.dest?.inlinedResponses ?? [];
    expect(responses.map((item) => item.response?.candidates?.[0]?.content?.parts?.[0]?.text)).toEqual([
      're: a',
      're: b',
    ]);
    expect(responses.map((item) => item.metadata)).toEqual([{ for: 'a' }, { for: 'b' }]);
    const raw = await fetch(`${server.origin}/v1beta/${job.name}`);
    expect(await raw.json()).toMatchObject({
      done: true,
      metadata: { batchStats: { requestCount: '2', successfulRequestCount: '2' } },
      response: { inlinedResponses: { inlinedResponses: [{}, {}] } },
    });
  });

  it('reads requests from a file and writes responses and errors to one, by key', async () => {
    const lines = [
      { key: 'k1', request: { contents: [{ parts: [{ text: 'a' }] }] } },
      { key: 'k2', request: 'none' },
    ];
    const input = await ai.files.upload({
      file: new Blob([lines.map((line) => JSON.stringify(line)).join('\n')]),
      config: { mimeType: 'application/jsonl' },
    });
    const job = await ai.batches.create({ model: 'gemini-3.5-flash', src: { fileName: input.name ?? '' } });
    clock.advance(DELAY_MS);
    const { dest } = await get(job);
    expect(dest?.fileName).toMatch(/^files\/batch-/);
    const results = await fetch(`${server.origin}/download/v1beta/${dest?.fileName}:download?alt=media`);
    const written = (await results.text()).trim().split('\n');
    expect(written.map((line) => JSON.parse(line) as unknown)).toEqual([
      { key: 'k1', response: expect.objectContaining({ modelVersion: 'gemini-3.5-flash' }) },
      { key: 'k2', error: { code: 3, message: 'The request is not valid.' } },
    ]);
    const raw = (await (await fetch(`${server.origin}/v1beta/${job.name}`)).json()) as {
      metadata: { batchStats: unknown };
    };
    expect(raw.metadata.batchStats).toEqual({
      requestCount: '2',
      successfulRequestCount: '1',
      failedRequestCount: '1',
    });
  });

  it('cancels a batch that is under way, for good, and leaves a finished one alone', async () => {
    const job = await create('a');
    await ai.batches.cancel({ name: job.name ?? '' });
    clock.advance(DELAY_MS);
    expect((await get(job)).state).toBe(JobState.JOB_STATE_CANCELLED);
    const finished = await create('b');
    clock.advance(DELAY_MS);
    await ai.batches.cancel({ name: finished.name ?? '' });
    expect((await get(finished)).state).toBe(JobState.JOB_STATE_SUCCEEDED);
  });

  it('lists newest first and deletes', async () => {
    const first = await create('a');
    const second = await create('b');
    const pager = await ai.batches.list({ config: { pageSize: 1 } });
    expect(pager.page.map((job) => job.name)).toEqual([second.name]);
    expect((await pager.nextPage()).map((job) => job.name)).toEqual([first.name]);
    await ai.batches.delete({ name: first.name ?? '' });
    await expect(get(first)).rejects.toThrow('Requested entity was not found.');
  });

  it('refuses a batch without requests and one whose file is not there', async () => {
    const empty = await fetch(`${server.origin}/v1beta/models/m:batchGenerateContent`, {
      method: 'POST',
      body: '{"batch":{}}',
    });
    expect(empty.status).toBe(400);
    const missing = ai.batches.create({ model: 'm', src: { fileName: 'files/none' } });
    await expect(missing).rejects.toThrow('NOT_FOUND');
  });
});
