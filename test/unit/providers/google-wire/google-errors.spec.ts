import { describe, expect, it } from '@jest/globals';
import { findModel } from '../../../../src/emulator/models.js';
import { checkSignatures } from '../../../../src/emulator/request-checks.js';
import { signCall } from '../../../../src/emulator/signatures.js';
import { errorObject, googleError } from '../../../../src/providers/google-wire/google-errors.js';
import { recorded } from './fixtures.js';

const body = (code: number, status: string, message = 'Google said so.', details: object[] = []) =>
  JSON.stringify({ error: { code, status, message, details } });

describe('googleError', () => {
  it.each([
    [400, 'bad-key.json', 'UPSTREAM_AUTH', 'API_KEY_INVALID'],
    [403, 'suspended-key.json', 'UPSTREAM_AUTH', 'CONSUMER_SUSPENDED'],
    [404, 'model-not-found.json', 'MODEL_NOT_FOUND', 'NOT_FOUND'],
    [404, 'not-found.html', 'MODEL_NOT_FOUND', undefined],
    [503, 'overloaded.json', 'UPSTREAM_OVERLOADED', 'UNAVAILABLE'],
  ])('maps %i %s to %s', (status, name, reason, upstreamReason) => {
    const error = googleError({ status, body: recorded(name) });
    expect(error.reason).toBe(reason);
    expect(error.metadata).toEqual({
      upstreamStatus: status,
      ...(upstreamReason === undefined ? {} : { upstreamReason }),
    });
  });

  it.each([
    [400, 'INVALID_ARGUMENT', 'INVALID_REQUEST'],
    [400, 'FAILED_PRECONDITION', 'UPSTREAM_AUTH'],
    [401, 'UNAUTHENTICATED', 'UPSTREAM_AUTH'],
    [403, 'PERMISSION_DENIED', 'UPSTREAM_AUTH'],
    [404, 'NOT_FOUND', 'MODEL_NOT_FOUND'],
    [408, '', 'UPSTREAM_UNAVAILABLE'],
    [409, 'ABORTED', 'INVALID_REQUEST'],
    [413, '', 'REQUEST_TOO_LARGE'],
    [499, 'CANCELLED', 'UPSTREAM_UNAVAILABLE'],
    [500, 'INTERNAL', 'UPSTREAM_UNAVAILABLE'],
    [501, 'UNIMPLEMENTED', 'UNIMPLEMENTED'],
    [502, '', 'UPSTREAM_UNAVAILABLE'],
    [503, 'UNAVAILABLE', 'UPSTREAM_OVERLOADED'],
    [504, 'DEADLINE_EXCEEDED', 'UPSTREAM_UNAVAILABLE'],
    [599, '', 'UPSTREAM_UNAVAILABLE'],
    [301, '', 'UPSTREAM_PROTOCOL'],
    [204, '', 'UPSTREAM_PROTOCOL'],
  ])('maps %i %s to %s', (status, word, reason) => {
    expect(googleError({ status, body: body(status, word) }).reason).toBe(reason);
  });

  it.each([
    ['tokens-per-minute.json', 'UPSTREAM_RATE_LIMITED', 'minute', 51_387],
    ['requests-per-minute-free.json', 'UPSTREAM_RATE_LIMITED', 'minute', 46_193],
    ['requests-per-day-paid.json', 'UPSTREAM_QUOTA_EXHAUSTED', 'day', 6_776_410],
    ['requests-per-day-free.json', 'UPSTREAM_QUOTA_EXHAUSTED', 'day', 37_025_720],
    ['no-quota.json', 'UPSTREAM_QUOTA_EXHAUSTED', 'gate', 33_900],
    ['vertex-shared-capacity.json', 'UPSTREAM_RATE_LIMITED', 'shared', undefined],
  ])('tells the 429 of %s apart: %s', (name, reason, quotaKind, retryAfterMs) => {
    const error = googleError({ status: 429, body: recorded(name) });
    expect(error).toMatchObject({ reason, metadata: { upstreamStatus: 429, quotaKind } });
    expect(error.retryAfterMs).toBe(retryAfterMs);
    expect(error.message).not.toContain('billing');
  });

  it('names the quota that decided, and takes Retry-After into account', () => {
    const error = googleError({ status: 429, body: recorded('tokens-per-minute.json'), retryAfter: '70' });
    expect(error.metadata['quotaId']).toBe('GenerateContentPaidTierInputTokensPerModelPerMinute-PaidTier2');
    expect(error.retryAfterMs).toBe(70_000);
  });

  it('takes a 429 without any document', () => {
    expect(googleError({ status: 429, body: '' })).toMatchObject({
      reason: 'UPSTREAM_RATE_LIMITED',
      metadata: { quotaKind: 'shared' },
    });
  });

  it('passes on Google’s sentence where the caller can act on it', () => {
    const said = 'The input token count exceeds the maximum number of tokens allowed (1048576).';
    expect(googleError({ status: 400, body: body(400, 'INVALID_ARGUMENT', said) }).message).toBe(said);
    expect(googleError({ status: 404, body: recorded('model-not-found.json') }).message).toContain(
      'models/gemini-1.0 is not found',
    );
  });

  it.each([401, 403, 500, 503, 504])('keeps Google’s sentence to itself for %i', (status) => {
    expect(
      googleError({ status, body: body(status, '', 'project 12345 is in trouble') }).message,
    ).not.toContain('12345');
  });

  it('says the status where there is no sentence', () => {
    expect(googleError({ status: 400, body: '<html>' }).message).toBe('Google answered 400.');
    expect(googleError({ status: 404, body: recorded('not-found.html') }).message).toBe(
      'Google answered 404.',
    );
  });

  it.each(['AIzaSyA1234567890abcdefghijklmnopqrstuv', 'ya29.a0AfH6SMBx-_yz.w'])(
    'removes %s from messages, wherever it stands',
    (key) => {
      for (const before of ['', 'x'.repeat(1_985), 'x'.repeat(1_995)]) {
        const { message } = googleError({
          status: 400,
          body: body(400, 'INVALID_ARGUMENT', `${before} ${key} was used with ${key}.`),
        });
        expect(message).not.toContain(key.slice(0, 6));
        expect(message.length).toBeLessThanOrEqual(2_000);
      }
    },
  );
});

describe('googleError about thought signatures', () => {
  const emulated = (thoughtSignature: string | undefined): string => {
    const part = {
      functionCall: { name: 'f', args: {} },
      ...(thoughtSignature === undefined ? {} : { thoughtSignature }),
    };
    const contents = [
      { role: 'user', parts: [{ text: 'go' }] },
      { role: 'model', parts: [part] },
    ];
    const model = findModel('gemini-3.8-flash');
    return (model && checkSignatures(model, { contents }, 0)?.body) ?? '';
  };

  it.each([
    ['missing', emulated(undefined)],
    ['foreign', emulated('AAAA')],
    ['altered', emulated(signCall(0, 'gemini-3', { name: 'other' }))],
    ...[
      'Unable to submit request because Thought signature is not valid.',
      'Unable to submit request because it has an invalid thought signature for content at index 2.',
      'Unable to submit request because function call `f` in the 2. content block is missing a `thought_signature`.',
      'Text part is missing a thought_signature in content position 2, part position 1.',
      "Invalid value at 'contents[1].parts[0].thought_signature' (TYPE_BYTES), Base64 decoding failed",
    ].map((said) => [said, body(400, 'INVALID_ARGUMENT', said)] as const),
  ])('says that they were refused: %s', (_, text) => {
    expect(googleError({ status: 400, body: text })).toMatchObject({
      reason: 'INVALID_REQUEST',
      metadata: { upstreamStatus: 400, signatures: 'refused' },
    });
  });

  it.each([
    [400, 'The input token count exceeds the maximum number of tokens allowed.'],
    [400, 'Function call is missing a name.'],
    [400, 'Thought signatures are not supported by this model.'],
    [400, 'Invalid JSON payload received. Unknown name "thoughtSignature" at \'contents[1].parts[0]\'.'],
    [404, 'Invalid thought signature.'],
  ])('does not for %i %s', (status, said) => {
    expect(googleError({ status, body: body(status, '', said) }).metadata).not.toHaveProperty('signatures');
  });
});

describe('errorObject', () => {
  const error = { code: 503 };
  it.each([
    ['a document', JSON.stringify({ error })],
    ['an array of one', JSON.stringify([{ error }])],
    ['an event', `data: ${JSON.stringify({ error })}`],
    ['a printed document', JSON.stringify({ error }, null, 2)],
  ])('finds the error in %s', (_, text) => {
    expect(errorObject(text)).toEqual(error);
  });

  it.each(['', '<html>', '7', 'null', '[]', '[7]', '{"error":"text"}', '{"candidates":[]}'])(
    'finds none in %p',
    (text) => {
      expect(errorObject(text)).toBeUndefined();
    },
  );
});
