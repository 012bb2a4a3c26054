import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../../src/core/gateway-error.js';
import { Conversation } from '../../../src/routing/conversation.js';
import { SignatureOrigins } from '../../../src/routing/signature-origins.js';
import { targetName, type Ranked, type Target } from '../../../src/routing/target.js';
import { BYPASS_SIGNATURE } from '../../../src/routing/thought-signatures.js';
import { callFixture } from '../../helpers/calls.js';

const ranked = (...names: string[]): Ranked[] =>
  names.map((name) => {
    const [project = '', model = ''] = name.split('/');
    return { target: { project, model } as Target };
  });
const signed = (signature: string) => ({
  contents: [
    { role: 'user', parts: [{ text: 'What is the time?' }] },
    { role: 'model', parts: [{ functionCall: { name: 'now', args: {} }, thoughtSignature: signature }] },
    { role: 'user', parts: [{ functionResponse: { name: 'now', response: {} } }] },
  ],
});
const answer = (signature: string) => ({
  candidates: [{ content: { parts: [{ functionCall: { name: 'now' }, thoughtSignature: signature }] } }],
});
const signatureIn = (request: unknown): unknown =>
  (request as ReturnType<typeof signed>).contents[1]?.parts[0] &&
  (request as { contents: { parts: { thoughtSignature?: string }[] }[] }).contents[1]?.parts[0]
    ?.thoughtSignature;
const REFUSED = new GatewayError('INVALID_REQUEST', 'Invalid thought signature.', {
  metadata: { signatures: 'refused' },
});

/** A conversation that `project/model` signed. */
function signedBy(origin: string | undefined, tenant = 'tenant-1') {
  const origins = new SignatureOrigins();
  if (origin !== undefined)
    new Conversation(
      callFixture({ principal: { keyId: 'k', tenant, team: 'a', scopes: [] } }),
      origins,
    ).learn(origin, answer('c2ln'));
  const call = callFixture({ request: signed('c2ln') });
  return { call, conversation: new Conversation(call, origins) };
}
const order = (conversation: Conversation, ...names: string[]) =>
  conversation.pinned(ranked(...names)).map(({ target }) => targetName(target));

describe('Conversation', () => {
  it('goes first to the target that signed it, then to those that take its signatures, then as planned', () => {
    const { conversation } = signedBy('b/gemini-3.8-flash');
    const plan = ['a/gemini-3.8-flash', 'b/gemini-3.5-flash', 'b/gemini-3.8-flash', 'c/gemini-2.5-flash'];
    expect(order(conversation, ...plan)).toEqual([plan[2], plan[1], plan[0], plan[3]]);
  });

  it.each([
    ['nobody signed it', callFixture()],
    ['nothing is generated', callFixture({ operation: 'count_tokens', request: signed('c2ln') })],
  ])('goes as planned where %s', (_, call) => {
    const origins = new SignatureOrigins();
    new Conversation(callFixture(), origins).learn('b/m', answer('c2ln'));
    expect(order(new Conversation(call, origins), 'a/m', 'b/m')).toEqual(['a/m', 'b/m']);
  });

  it('does not learn from other tenants', () => {
    const { conversation } = signedBy('b/m', 'another');
    expect(order(conversation, 'a/m', 'b/m')).toEqual(['a/m', 'b/m']);
  });

  it('replaces the signatures for a target that did not make them, and only for such', () => {
    const { call, conversation } = signedBy('b/gemini-3.8-flash');
    expect(conversation.requestFor('b/gemini-3.8-flash', call.request)).toBe(call.request);
    expect(signatureIn(conversation.requestFor('a/gemini-3.8-flash', call.request))).toBe(BYPASS_SIGNATURE);
    expect(signatureIn(call.request)).toBe('c2ln');
  });

  it('leaves signatures of unknown making alone until they are refused, then replaces them once', () => {
    const { call, conversation } = signedBy(undefined);
    expect(conversation.requestFor('a/m', call.request)).toBe(call.request);
    expect(conversation.judged(REFUSED, call.request).metadata).toMatchObject({ otherSignatures: true });
    const second = conversation.requestFor('a/m', call.request);
    expect(signatureIn(second)).toBe(BYPASS_SIGNATURE);
    expect(conversation.judged(REFUSED, second).metadata).not.toHaveProperty('otherSignatures');
  });

  it('promises nothing where there is nothing to replace, or where something else was wrong', () => {
    const call = callFixture();
    const conversation = new Conversation(call, new SignatureOrigins());
    expect(conversation.judged(REFUSED, call.request)).toBe(REFUSED);
    const other = new GatewayError('INVALID_REQUEST', 'No.');
    const { call: signedCall, conversation: another } = signedBy(undefined);
    expect(another.judged(other, signedCall.request)).toBe(other);
    expect(another.requestFor('a/m', signedCall.request)).toBe(signedCall.request);
  });
});
