import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPartFromUri, type File, type GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { plainFetch } from '../../helpers/emulator-client.js';
import { gatewayUnderTest, TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';
import {
  CLIENT_SETTINGS,
  googleClient,
  googleError,
  refusalOf,
  type ClientSetting,
} from '../../helpers/google-clients.js';

const model = 'gemini-3.8-flash';

describe.each(Object.keys(CLIENT_SETTINGS) as ClientSetting[])(
  'files of the official client, %s',
  (setting) => {
    let under: GatewayUnderTest;
    let ai: GoogleGenAI;
    let directory: string;
    const sent: { url: string; headers: Headers }[] = [];
    beforeAll(async () => {
      under = await gatewayUnderTest();
      directory = await mkdtemp(join(tmpdir(), 'gateway-files-'));
      const watched: typeof plainFetch = (url, init) => {
        sent.push({ url: url as string, headers: new Headers(init?.headers) });
        return plainFetch(url, init);
      };
      ai = googleClient(under, setting, { httpOptions: { fetch: watched } });
    });
    afterAll(async () => {
      await under.close();
      await rm(directory, { recursive: true });
    });

    /** Uploads 9 MB, which the client sends in two pieces. */
    const uploadLarge = async (): Promise<File> => {
      const path = join(directory, 'large.txt');
      await writeFile(path, 'x'.repeat(9 * 1024 * 1024));
      return ai.files.upload({ file: path, config: { mimeType: 'text/plain', displayName: 'large' } });
    };

    it('are uploaded through the gateway only, every request with the caller’s key', async () => {
      const file = await uploadLarge();
      expect(file).toMatchObject({ displayName: 'large', mimeType: 'text/plain', state: 'ACTIVE' });
      expect(Number(file.sizeBytes)).toBe(9 * 1024 * 1024);
      expect(sent).toHaveLength(3);
      for (const { url, headers } of sent) {
        expect(url.startsWith(`${under.url}/`)).toBe(true);
        expect(headers.get('x-goog-api-key')).toBe(TEST_KEY);
      }
    });

    it('are found, listed page by page, used for generation and deleted', async () => {
      const blobs = ['one', 'two', 'three'].map((text) => new Blob([text], { type: 'text/plain' }));
      const files = await Promise.all(
        blobs.map((file) => ai.files.upload({ file, config: { mimeType: 'text/plain' } })),
      );
      const [file] = files;
      expect(await ai.files.get({ name: file?.name ?? '' })).toMatchObject({
        uri: file?.uri,
        sizeBytes: '3',
      });
      const listed: (string | undefined)[] = [];
      for await (const { name } of await ai.files.list({ config: { pageSize: 2 } })) listed.push(name);
      expect(listed).toEqual(expect.arrayContaining(files.map(({ name }) => name)));
      const answer = await ai.models.generateContent({
        model,
        contents: ['what does it say', createPartFromUri(file?.uri ?? '', 'text/plain')],
      });
      expect(answer.candidates?.[0]?.finishReason).toBe('STOP');
      await ai.files.delete({ name: file?.name ?? '' });
      const { status, error } = await refusalOf(ai.files.get({ name: file?.name ?? '' }));
      expect([status, error.status]).toEqual([403, 'PERMISSION_DENIED']);
    });

    it('never show a key in the log', () => {
      expect(under.logText()).not.toContain(TEST_KEY);
      expect(under.logText()).not.toContain('upstream-key');
    });
  },
);

describe('the upload handshake', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest();
  });
  afterAll(() => under.close());

  const start = (headers: Record<string, string> = {}) =>
    under.call('/upload/v1beta/files', '{"file":{"displayName":"notes"}}', {
      headers: {
        'x-goog-upload-protocol': 'resumable',
        'x-goog-upload-command': 'start',
        'x-goog-upload-header-content-length': '5',
        'x-goog-upload-header-content-type': 'text/plain',
        ...headers,
      },
    });

  it('hands out no address but the gateway’s own', async () => {
    const { statusCode, headers, body } = await start();
    await body.dump();
    expect(statusCode).toBe(200);
    expect(String(headers['x-goog-upload-url'])).toMatch(`${under.url}/upload/v1beta/files?`);
    expect(JSON.stringify(headers)).not.toContain(under.emulator.url);
  });

  it('goes on at that address with the caller’s key, and not without one', async () => {
    const { headers, body } = await start();
    await body.dump();
    const path = String(headers['x-goog-upload-url']).slice(under.url.length);
    const command = { 'x-goog-upload-command': 'upload, finalize', 'x-goog-upload-offset': '0' };
    const type = { 'content-type': 'text/plain' };
    const keyless = await under.call(path, 'hello', { headers: { ...command, ...type, authorization: '' } });
    expect(googleError(await keyless.body.text())).toMatchObject({ code: 401, status: 'UNAUTHENTICATED' });
    const keyed = await under.call(path, 'hello', { headers: { ...command, ...type } });
    expect(await keyed.body.json()).toMatchObject({ file: { displayName: 'notes', sizeBytes: '5' } });
  });
});
