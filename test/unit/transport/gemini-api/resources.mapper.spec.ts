import { describe, expect, it } from '@jest/globals';
import {
  forwardedHeaders,
  returnedHeaders,
  upstreamPath,
} from '../../../../src/transport/gemini-api/resources.mapper.js';

describe('upstreamPath', () => {
  it.each([
    ['/v1beta/files', '/v1beta/files'],
    ['/gemini/v1beta/files/a', '/v1beta/files/a'],
    ['/gemini/v1/files/a:download?alt=media', '/v1beta/files/a:download?alt=media'],
    ['/gemini/upload/v1/files?uploadType=media', '/upload/v1beta/files?uploadType=media'],
    ['/upload/v1beta/files?upload_id=x%2By', '/upload/v1beta/files?upload_id=x%2By'],
    ['/v1beta/files?', '/v1beta/files'],
    ['/v1beta/files?pageToken=a?b', '/v1beta/files?pageToken=a%3Fb'],
  ])('leads %s to %s', (url, path) => {
    expect(upstreamPath(url)).toBe(path);
  });

  it.each(['?key=secret', '?a=1&key=secret', '?key=secret&a=1', '?%6Bey=secret', '?key=secret&key=secret'])(
    'leaves the caller’s key in %s behind',
    (query) => {
      expect(upstreamPath(`/v1beta/files${query}`)).not.toContain('secret');
    },
  );

  it.each([
    '/v1beta/files/../models/m:generateContent',
    '/v1beta/files/%2e%2E/models',
    '/v1beta/files/.%2e/x',
  ])('refuses %s, which leads elsewhere', (url) => {
    expect(() => upstreamPath(url)).toThrow(expect.objectContaining({ reason: 'INVALID_REQUEST' }));
  });
});

describe('forwardedHeaders', () => {
  it('keeps what is between the caller and Google, and nothing else', () => {
    const kept = {
      'content-type': 'application/pdf',
      'content-length': '5',
      accept: '*/*',
      range: 'bytes=0-1',
      'x-goog-upload-protocol': 'resumable',
      'x-goog-upload-header-content-type': 'application/pdf',
      'x-goog-fieldmask': 'name',
      'x-goog-field-mask': 'name',
    };
    const dropped = {
      authorization: 'Bearer key',
      'x-api-key': 'key',
      'x-goog-api-key': 'key',
      cookie: 'a=b',
      host: 'gateway',
      connection: 'keep-alive',
      'transfer-encoding': 'chunked',
      'x-goog-user-project': 'other',
      'x-forwarded-for': '10.0.0.1',
      'x-content-type': 'odd',
      'content-type-x': 'odd',
    };
    expect(forwardedHeaders({ ...kept, ...dropped, 'set-cookie': ['a'] })).toEqual(kept);
  });
});

describe('returnedHeaders', () => {
  const request = (url: string) => ({
    protocol: 'https' as const,
    host: 'gateway.internal:8443',
    raw: { url } as never,
  });

  it('keeps what is the caller’s, and nothing of the upstream’s own', () => {
    const kept = {
      'content-type': 'application/json',
      'content-length': '2',
      'content-range': 'bytes 0-1/2',
      etag: 'x',
      'x-goog-upload-status': 'active',
    };
    const dropped = { server: 'ESF', 'set-cookie': ['a=b'], connection: 'close', 'alt-svc': 'h3' };
    expect(returnedHeaders({ ...kept, ...dropped, vary: undefined }, request('/v1beta/files'))).toEqual(kept);
  });

  it.each(['x-goog-upload-url', 'x-goog-upload-control-url'])(
    'makes %s lead through the gateway, without the project’s key',
    (name) => {
      const url = 'https://generativelanguage.googleapis.com/upload/v1beta/files?key=AIzaSecret&upload_id=42';
      const through = (path: string) => returnedHeaders({ [name]: url }, request(path))[name];
      expect(through('/upload/v1beta/files')).toBe(
        'https://gateway.internal:8443/upload/v1beta/files?upload_id=42',
      );
      expect(through('/gemini/upload/v1/files')).toBe(
        'https://gateway.internal:8443/gemini/upload/v1beta/files?upload_id=42',
      );
    },
  );
});
