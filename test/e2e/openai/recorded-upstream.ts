import { request } from 'undici';
import type { GenerateContentRequest, Part } from '../../../src/core/gemini-wire.js';
import { startUpstream } from '../../helpers/http-upstream.js';

/** An upstream that hands everything on to another and keeps what it was asked. */
export interface RecordedUpstream {
  readonly url: string;
  /** Bodies of the calls to models so far. */
  asked(): GenerateContentRequest[];
  close(): Promise<void>;
}

/** Stands before an emulator, so that a test sees what the gateway sent. */
export async function recordedUpstream(target: string): Promise<RecordedUpstream> {
  const upstream = await startUpstream((res, req) => {
    const { body } = upstream.requests.at(-1) ?? { body: '' };
    void (async () => {
      const headers = {
        'content-type': 'application/json',
        'x-goog-api-key': String(req.headers['x-goog-api-key']),
      };
      const method = req.method === 'POST' ? 'POST' : 'GET';
      const answer = await request(`${target}${req.url ?? ''}`, {
        method,
        headers,
        body: body === '' ? null : body,
      });
      res.writeHead(answer.statusCode, { 'content-type': String(answer.headers['content-type']) });
      for await (const bytes of answer.body) res.write(bytes);
      res.end();
    })();
  });
  return {
    url: upstream.url,
    asked: () =>
      upstream.requests
        .filter(({ method }) => method === 'POST')
        .map(({ body }) => JSON.parse(body) as GenerateContentRequest),
    close: () => upstream.close(),
  };
}

/** The function calls of a request, with their signatures. */
export function calledIn(request: GenerateContentRequest | undefined): Part[] {
  return (request?.contents ?? [])
    .flatMap(({ parts }) => parts ?? [])
    .filter(({ functionCall }) => functionCall !== undefined);
}
