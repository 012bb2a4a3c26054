import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { AnswerCipher } from '../../../src/cache/answer-cipher.js';
import { AnswerCodec } from '../../../src/cache/answer-codec.js';
import { UnreadableAnswer } from '../../../src/cache/unreadable-answer.js';
import type { Credential } from '../../../src/core/credential.js';
import { storedAnswer } from './stored-answers.js';
import { chunkFixture, finishFixture } from '../../helpers/calls.js';

const secret = (text: string): Credential => ({ id: text.slice(0, 1), current: () => text });
const OLD = secret('o'.repeat(32));
const NEW = secret('n'.repeat(44));
const GONE: Credential = {
  id: 'gone',
  current() {
    throw new Error('it cannot be read');
  },
};

const codecWith = (secrets: readonly Credential[], compressAboveBytes = 2_048, maxBytes = 1_000_000) =>
  new AnswerCodec({ compressAboveBytes, maxBytes, cipher: new AnswerCipher(secrets) });

const KEY = 'a'.repeat(64);
const ANSWER = storedAnswer({
  chunks: [
    chunkFixture('one '),
    { type: 'chunk', value: { made: [1, null, { deep: 'ü' }] } },
    chunkFixture('two'),
  ],
  finish: finishFixture({
    structured: { valid: true, repaired: false, reasked: false, relaxed: [], value: { a: 1 } },
  }),
});
const LARGE = storedAnswer({ chunks: [chunkFixture('all work and no play '.repeat(1_000))] });

describe.each<[string, readonly Credential[]]>([
  ['without keys', []],
  ['with keys', [NEW, OLD]],
])('AnswerCodec %s', (_title, secrets) => {
  const codec = codecWith(secrets);

  it('gives back what it was given, compressed or not', async () => {
    for (const answer of [ANSWER, LARGE]) {
      const bytes = await codec.encode(KEY, answer);
      expect(await codec.decode(KEY, bytes)).toEqual(answer);
    }
    const large = await codec.encode(KEY, LARGE);
    expect(large.length).toBeLessThan(2_000);
  });

  it('compresses nothing that is small', async () => {
    const [compressed, plain] = await Promise.all([
      codecWith(secrets, 0).encode(KEY, LARGE),
      codecWith(secrets, 1_000_000).encode(KEY, LARGE),
    ]);
    expect(plain.length).toBeGreaterThan(10 * compressed.length);
  });

  it('refuses a value of another key', async () => {
    const bytes = await codec.encode(KEY, ANSWER);
    await expect(codec.decode('b'.repeat(64), bytes)).rejects.toThrow(UnreadableAnswer);
  });

  it('refuses whatever was cut or changed', async () => {
    const bytes = await codec.encode(KEY, ANSWER);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ flip;
        await expect(codec.decode(KEY, changed)).rejects.toThrow(UnreadableAnswer);
        await expect(codec.decode(KEY, bytes.subarray(0, at))).rejects.toThrow(UnreadableAnswer);
      }),
    );
  });

  it('refuses what somebody else wrote there', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), async (bytes) => {
        await expect(codec.decode(KEY, Buffer.from(bytes))).rejects.toThrow(UnreadableAnswer);
      }),
    );
  });

  it('refuses a small value that stands for more than an answer may have', async () => {
    const bytes = await codec.encode(KEY, LARGE);
    await expect(codecWith(secrets, 0, 1_000).decode(KEY, bytes)).rejects.toThrow(UnreadableAnswer);
  });
});

describe('AnswerCodec', () => {
  it('writes nothing readable where there is a key, and never the same bytes twice', async () => {
    const codec = codecWith([NEW], 1_000_000);
    const [one, other] = [await codec.encode(KEY, LARGE), await codec.encode(KEY, LARGE)];
    expect(one.includes('all work')).toBe(false);
    expect(one.subarray(-100).equals(other.subarray(-100))).toBe(false);
  });

  it('reads what an older key encrypted, and writes with the first one alone', async () => {
    const byOld = await codecWith([OLD]).encode(KEY, ANSWER);
    expect(await codecWith([NEW, OLD]).decode(KEY, byOld)).toEqual(ANSWER);
    const byNew = await codecWith([NEW, OLD]).encode(KEY, ANSWER);
    await expect(codecWith([OLD]).decode(KEY, byNew)).rejects.toThrow(UnreadableAnswer);
  });

  it('follows a secret that is exchanged while it runs', async () => {
    let text = 'first'.repeat(8);
    const codec = codecWith([{ id: 'rotating', current: () => text }]);
    const before = await codec.encode(KEY, ANSWER);
    text = 'second'.repeat(8);
    await expect(codec.decode(KEY, before)).rejects.toThrow(UnreadableAnswer);
    expect(await codec.decode(KEY, await codec.encode(KEY, ANSWER))).toEqual(ANSWER);
  });

  it('stores nothing readable where the key is missing or too short, and reads on with the others', async () => {
    const byOld = await codecWith([OLD]).encode(KEY, ANSWER);
    for (const broken of [GONE, secret('short')]) {
      await expect(codecWith([broken, OLD]).encode(KEY, ANSWER)).rejects.toThrow();
      expect(await codecWith([broken, OLD]).decode(KEY, byOld)).toEqual(ANSWER);
    }
  });

  it('takes nothing readable where there is a key: anybody could have written it', async () => {
    const plain = await codecWith([]).encode(KEY, ANSWER);
    await expect(codecWith([NEW]).decode(KEY, plain)).rejects.toThrow(UnreadableAnswer);
  });
});
