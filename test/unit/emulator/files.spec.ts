import { createHash, randomBytes } from 'node:crypto';

import { ApiError, GoogleGenAI } from '@google/genai';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fetch, type Response } from 'undici';

import { FileStore, type FileStoreOptions } from '../../../src/emulator/file-store.js';
import { filesWing } from '../../../src/emulator/files.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { serveWings, type WingServer } from '../../helpers/wing-server.js';

function command(url: string, headers: Record<string, string>, body?: Buffer): Promise<Response> {
  return fetch(url, { method: 'POST', headers, ...(body !== undefined && { body }) });
}

describe('files wing', () => {
  let clock: ManualClock;
  let server: WingServer;

  const serve = async (options?: FileStoreOptions): Promise<void> => {
    await server?.close();
    server = await serveWings(filesWing(new FileStore(clock, options)));
  };
  const client = (): GoogleGenAI =>
    new GoogleGenAI({
      apiKey: 'k',
      apiVersion: 'v1beta',
      httpOptions: { baseUrl: server.origin, fetch: fetch as unknown as typeof globalThis.fetch },
    });
  const download = (name: string): Promise<Response> =>
    fetch(`${server.origin}/v1beta/files/${name}:download`);
  const start = async (announcedBytes: number, file: object = {}): Promise<string> => {
    const response = await command(
      `${server.origin}/upload/v1beta/files`,
      {
        'x-goog-upload-protocol': 'resumable',
        'x-goog-upload-command': 'start',
        'x-goog-upload-header-content-length': String(announcedBytes),
        'x-goog-upload-header-content-type': 'text/plain',
      },
      Buffer.from(JSON.stringify({ file })),
    );
    return response.headers.get('x-goog-upload-url') ?? '';
  };

  beforeEach(async () => {
    clock = new ManualClock();
    await serve();
  });
  afterEach(() => server.close());

  it('takes an upload of the official client in several chunks and describes the file', async () => {
    const bytes = randomBytes(9 * 1024 * 1024);
    const file = await client().files.upload({
      file: new Blob([bytes]),
      config: { mimeType: 'application/pdf', displayName: 'report' },
    });
    const hash = createHash('sha256').update(bytes).digest('hex');
    expect(file).toMatchObject({
      displayName: 'report',
      mimeType: 'application/pdf',
      sizeBytes: String(bytes.length),
      sha256Hash: Buffer.from(hash).toString('base64'),
      state: 'ACTIVE',
      source: 'UPLOADED',
      uri: `${server.origin}/v1beta/${file.name}`,
    });
    expect(Date.parse(file.expirationTime ?? '')).toBe(clock.wallMs() + 48 * 3_600_000);
    const content = await fetch(`${server.origin}/v1beta/${file.name}:download?alt=media`);
    expect(Buffer.from(await content.arrayBuffer()).equals(bytes)).toBe(true);
    expect(content.headers.get('content-type')).toBe('application/pdf');
  });

  it('says how much of an upload has arrived, and continues from there', async () => {
    const url = await start(10);
    expect(url.startsWith(`${server.origin}/upload/v1beta/files?upload_id=`)).toBe(true);
    await command(
      url,
      { 'x-goog-upload-command': 'upload', 'x-goog-upload-offset': '0' },
      Buffer.from('12345'),
    );
    const query = await command(url, { 'x-goog-upload-command': 'query' });
    expect(query.headers.get('x-goog-upload-status')).toBe('active');
    expect(query.headers.get('x-goog-upload-size-received')).toBe('5');
    const last = await command(
      url,
      { 'x-goog-upload-command': 'upload, finalize', 'x-goog-upload-offset': '5' },
      Buffer.from('67890'),
    );
    expect(last.headers.get('x-goog-upload-status')).toBe('final');
    expect(await last.json()).toMatchObject({ file: { sizeBytes: '10', mimeType: 'text/plain' } });
    const again = await command(url, { 'x-goog-upload-command': 'query' });
    expect(again.headers.get('x-goog-upload-status')).toBe('final');
  });

  it('refuses a chunk at the wrong offset and a finalize that is too short', async () => {
    const url = await start(10);
    const gap = await command(
      url,
      { 'x-goog-upload-command': 'upload', 'x-goog-upload-offset': '3' },
      Buffer.from('x'),
    );
    expect(gap.status).toBe(400);
    expect(await gap.json()).toMatchObject({ error: { code: 400, status: 'INVALID_ARGUMENT' } });
    const short = await command(
      url,
      { 'x-goog-upload-command': 'upload, finalize', 'x-goog-upload-offset': '0' },
      Buffer.from('12345'),
    );
    expect(short.status).toBe(400);
  });

  it('forgets a cancelled upload', async () => {
    const url = await start(10);
    const cancelled = await command(url, { 'x-goog-upload-command': 'cancel' });
    expect(cancelled.headers.get('x-goog-upload-status')).toBe('cancelled');
    expect((await command(url, { 'x-goog-upload-command': 'query' })).status).toBe(404);
  });

  it('takes a multipart and a raw upload', async () => {
    const multipart = await command(
      `${server.origin}/upload/v1beta/files?uploadType=multipart`,
      { 'content-type': 'multipart/related; boundary="b1"' },
      Buffer.from(
        '--b1\r\nContent-Type: application/json\r\n\r\n{"file":{"displayName":"m"}}\r\n' +
          '--b1\r\nContent-Type: text/csv\r\n\r\na,b\r\n1,2\r\n--b1--\r\n',
      ),
    );
    expect(await multipart.json()).toMatchObject({
      file: { displayName: 'm', mimeType: 'text/csv', sizeBytes: '8' },
    });
    const raw = await command(
      `${server.origin}/upload/v1/files`,
      { 'content-type': 'text/plain', 'x-goog-upload-protocol': 'raw' },
      Buffer.from('abc'),
    );
    expect(await raw.json()).toMatchObject({ file: { mimeType: 'text/plain', sizeBytes: '3' } });
    const broken = await command(
      `${server.origin}/upload/v1/files`,
      { 'content-type': 'multipart/related; boundary=b1', 'x-goog-upload-protocol': 'multipart' },
      Buffer.from('--b1\r\nContent-Type: application/json\r\n\r\n{}'),
    );
    expect(broken.status).toBe(400);
  });

  it('lists newest first in pages, and deletes', async () => {
    const ai = client();
    for (const name of ['one', 'two', 'three'])
      await ai.files.upload({ file: new Blob(['x']), config: { name, mimeType: 'text/plain' } });
    const pager = await ai.files.list({ config: { pageSize: 2 } });
    expect(pager.page.map((file) => file.name)).toEqual(['files/three', 'files/two']);
    await ai.files.delete({ name: 'two' });
    expect((await pager.nextPage()).map((file) => file.name)).toEqual(['files/one']);
    expect(pager.hasNextPage()).toBe(false);
    await expect(ai.files.get({ name: 'two' })).rejects.toThrow(
      'You do not have permission to access the File two or it may not exist.',
    );
    const bad = await fetch(`${server.origin}/v1beta/files?pageToken=foreign`);
    expect(bad.status).toBe(400);
  });

  it('refuses a name that is taken or malformed', async () => {
    const ai = client();
    const config = { name: 'mine', mimeType: 'text/plain' };
    await ai.files.upload({ file: new Blob(['x']), config });
    const error = await ai.files.upload({ file: new Blob(['x']), config }).catch((thrown: unknown) => thrown);
    expect((error as ApiError).status).toBe(409);
    const malformed = ai.files.upload({ file: new Blob(['x']), config: { ...config, name: 'Not Allowed' } });
    await expect(malformed).rejects.toThrow('Invalid file name');
  });

  it('shows PROCESSING until the time is over, and nothing after 48 hours', async () => {
    await serve({ processingMs: 5000 });
    const ai = client();
    const config = { name: 'slow', mimeType: 'video/mp4' };
    expect((await ai.files.upload({ file: new Blob(['x']), config })).state).toBe('PROCESSING');
    clock.advance(5000);
    expect((await ai.files.get({ name: 'slow' })).state).toBe('ACTIVE');
    clock.advance(48 * 3_600_000);
    await expect(ai.files.get({ name: 'slow' })).rejects.toThrow('may not exist');
    expect(await (await fetch(`${server.origin}/v1beta/files`)).json()).toEqual({});
  });

  it('keeps size and hash but no content beyond its memory, which deletion frees', async () => {
    await serve({ maxKeptBytes: 4 });
    const ai = client();
    const upload = (name: string, text: string): Promise<unknown> =>
      ai.files.upload({ file: new Blob([text]), config: { name, mimeType: 'text/plain' } });
    expect(await upload('large', '12345')).toMatchObject({ sizeBytes: '5' });
    expect((await download('large')).status).toBe(400);
    await upload('a', '123');
    await upload('b', '123');
    expect((await download('b')).status).toBe(400);
    await ai.files.delete({ name: 'a' });
    await upload('c', '1234');
    expect(await (await download('c')).text()).toBe('1234');
  });
});
