import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { mediaTokens } from '../../../src/quota/media-tokens.js';
import { textTokens } from '../../../src/quota/text-tokens.js';
import { TokenEstimator } from '../../../src/quota/token-estimator.js';
import type { JsonObject } from '../../../src/core/json.js';
import { usageFixture } from '../../helpers/calls.js';

const asked = (...parts: object[]): JsonObject => ({
  contents: [{ role: 'user', parts: parts as JsonObject[] }],
});
const NEW = { tiles: false, resolution: undefined };
const OLD = { tiles: true, resolution: undefined };
const inline = (mimeType: string, bytes: Buffer | number) => ({
  inlineData: {
    mimeType,
    data: (typeof bytes === 'number' ? Buffer.alloc(bytes) : bytes).toString('base64'),
  },
});

function png(width: number, height: number): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write('\x89PNG\r\n\x1A\n', 'latin1');
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes;
}
function jpeg(width: number, height: number): Buffer {
  const exif = Buffer.alloc(20);
  exif.set([0xff, 0xe1]);
  exif.writeUInt16BE(18, 2);
  const frame = Buffer.from([0xff, 0xc2, 0, 17, 8, height >> 8, height & 255, width >> 8, width & 255]);
  return Buffer.concat([Buffer.from([0xff, 0xd8]), exif, frame, Buffer.alloc(32)]);
}
function gif(width: number, height: number): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.write('GIF89a', 'latin1');
  bytes.writeUInt16LE(width, 6);
  bytes.writeUInt16LE(height, 8);
  return bytes;
}
function webp(width: number, height: number): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.write('RIFF____WEBPVP8X', 'latin1');
  bytes.writeUIntLE(width - 1, 24, 3);
  bytes.writeUIntLE(height - 1, 27, 3);
  return bytes;
}
function wave(seconds: number, bytesPerSecond: number): Buffer {
  const bytes = Buffer.alloc(44 + seconds * bytesPerSecond);
  bytes.write('RIFF____WAVEfmt ', 'latin1');
  bytes.writeUInt32LE(bytesPerSecond, 28);
  return bytes;
}

describe('textTokens', () => {
  it.each([
    ['English', 'The quick brown fox jumps over the lazy dog, and then it sleeps.', 12, 20],
    ['German', 'Über die grüne Wiese läuft ein Fuchs und freut sich sehr darüber.', 12, 20],
    ['Russian', 'Быстрая коричневая лиса прыгает через ленивую собаку.', 15, 24],
    ['Chinese', '敏捷的棕色狐狸跳过了懒惰的狗。', 8, 14],
    ['Japanese', 'すばやい茶色の狐がのろまな犬を飛び越える。', 11, 17],
    ['Korean', '빠른 갈색 여우가 게으른 개를 뛰어넘는다.', 9, 18],
    ['digits', '1234567890', 10, 10],
    ['nothing', '', 0, 0],
  ])('gives %s about what its tokens are', (_, text, least, most) => {
    expect(textTokens(text)).toBeGreaterThanOrEqual(least);
    expect(textTokens(text)).toBeLessThanOrEqual(most);
  });

  it('looks at a sample of a long text, which is as good where the text is much alike', () => {
    const line = 'Lines of English text, some digits 42 and 7, и немного русского. ';
    const long = line.repeat(2_000);
    expect(textTokens(long) / (2_000 * textTokens(line))).toBeCloseTo(1, 1);
  });
});

describe('mediaTokens', () => {
  it.each([
    ['a small image', inline('image/png', png(384, 300)), 258, 1_120],
    ['a PNG of four tiles', inline('image/png', png(1_000, 1_500)), 4 * 258, 1_120],
    ['a progressive JPEG of six tiles', inline('image/jpeg', jpeg(2_000, 1_400)), 6 * 258, 1_120],
    ['a GIF of two tiles', inline('image/gif', gif(1_536, 700)), 2 * 258, 1_120],
    ['a WebP of one tile', inline('image/webp', webp(700, 768)), 258, 1_120],
    ['an image that tells no size', inline('image/heic', 1_000), 258, 1_120],
    ['ten seconds of WAV', inline('audio/wav', wave(10, 8_000)), 11 * 32, 11 * 32],
    ['ten seconds of MP3', inline('audio/mp3', 160_000), 320, 320],
    ['four seconds of video', inline('video/mp4', 1_000_000), 4 * 290, 4 * 102],
    [
      'a PDF of three pages',
      inline('application/pdf', Buffer.from('/Type/Pages /Type/Page /Type /Page\n/Type/Page ')),
      774,
      1_680,
    ],
    ['a packed PDF', inline('application/pdf', 99_000), 2 * 258, 2 * 560],
    ['a video that is only named', { fileData: { mimeType: 'video/mp4', fileUri: 'x' } }, 60 * 290, 60 * 102],
    ['a PDF that is only named', { fileData: { mimeType: 'application/pdf', fileUri: 'x' } }, 2_580, 5_600],
    ['no media', { text: 'x' }, 0, 0],
    ['a text as a file', inline('text/plain', 10), undefined, undefined],
  ])('of %s', (_, part, old, current) => {
    expect([mediaTokens(part, OLD), mediaTokens(part, NEW)]).toEqual([old, current]);
  });

  it('go by the resolution of the part, then of the request', () => {
    const image = inline('image/png', png(1_000, 1_000));
    const own = { ...image, mediaResolution: { level: 'MEDIA_RESOLUTION_ULTRA_HIGH' } };
    const low = { tiles: false, resolution: 'MEDIA_RESOLUTION_LOW' };
    expect([mediaTokens(image, low), mediaTokens(own, low)]).toEqual([280, 2_240]);
    expect(
      mediaTokens(inline('video/mp4', 250_000), { tiles: true, resolution: 'MEDIA_RESOLUTION_LOW' }),
    ).toBe(98);
  });

  it('of hostile bytes are some number, soon', () => {
    const types = fc.constantFrom('image/png', 'image/jpeg', 'audio/wav', 'application/pdf', 'video/mp4');
    fc.assert(
      fc.property(types, fc.uint8Array({ maxLength: 400 }), (type, bytes) => {
        for (const start of ['', '\xFF\xD8', 'RIFF____WAVE'])
          for (const rules of [OLD, NEW]) {
            const data = Buffer.concat([Buffer.from(start, 'latin1'), bytes]);
            expect(mediaTokens(inline(type, data), rules)).toBeGreaterThanOrEqual(0);
          }
      }),
    );
  });
});

describe('TokenEstimator', () => {
  it('counts texts, system instruction, tools, calls, their answers and media', () => {
    const estimator = new TokenEstimator();
    const text = { text: 'x'.repeat(400) };
    const one = estimator.estimate('gemini-3.8-flash', asked(text)).inputTokens;
    expect(one).toBe(100);
    const all = estimator.estimate('gemini-3.8-flash', {
      ...asked(
        text,
        { functionCall: { name: 'f', args: { a: 'x'.repeat(400) } } },
        { functionResponse: { name: 'f', response: { b: 'x'.repeat(400) } } },
        inline('image/png', png(9, 9)),
        inline('text/csv', Buffer.from('x'.repeat(400))),
      ),
      systemInstruction: { parts: [text] },
      tools: [{ functionDeclarations: [{ name: 'f', description: 'x'.repeat(400) }] }],
    });
    expect(all.mediaTokens).toBe(1_120);
    expect(all.rawTextTokens).toBeGreaterThan(600);
    expect(all.rawTextTokens).toBeLessThan(700);
    expect(estimator.estimate('gemini-2.5-flash', asked(inline('image/png', png(9, 9)))).inputTokens).toBe(
      258,
    );
  });

  it('learns for each model how far the rules are off, and tells', () => {
    const estimator = new TokenEstimator();
    const request = asked({ text: 'x'.repeat(4_000) });
    for (let call = 0; call < 200; call += 1)
      estimator.observe('m', estimator.estimate('m', request), usageFixture(1_500, 1));
    expect(Math.abs(estimator.estimate('m', request).inputTokens - 1_500)).toBeLessThan(15);
    expect(estimator.estimate('n', request).inputTokens).toBe(1_000);
    const [told] = estimator.errors();
    expect(told).toMatchObject({ model: 'm' });
    expect(told?.factor).toBeCloseTo(1.5, 1);
    expect(told?.error).toBeLessThan(0.05);
  });

  it('learns nothing absurd, whatever is counted', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000_000), { maxLength: 300 }), (counts) => {
        const estimator = new TokenEstimator();
        const request = asked({ text: 'x'.repeat(4_000) });
        for (const count of counts)
          estimator.observe('m', estimator.estimate('m', request), usageFixture(count, 1));
        const { inputTokens } = estimator.estimate('m', request);
        expect(inputTokens).toBeGreaterThanOrEqual(250);
        expect(inputTokens).toBeLessThanOrEqual(4_000);
      }),
    );
  });

  it('learns the text’s factor only where the request is mostly text', () => {
    const estimator = new TokenEstimator();
    const request = asked({ text: 'What is it?' }, inline('image/png', png(9, 9)));
    estimator.observe('m', estimator.estimate('m', request), usageFixture(5_000, 1));
    expect(estimator.errors()[0]?.factor).toBe(1);
  });

  it('takes requests of any shape', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (contents, tools) => {
        const { inputTokens } = new TokenEstimator().estimate('m', { contents, tools });
        expect(inputTokens).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('knows a bounded number of models', () => {
    const estimator = new TokenEstimator();
    const estimate = estimator.estimate('m', asked({ text: 'x'.repeat(40) }));
    for (let model = 0; model < 2_000; model += 1)
      estimator.observe(`m${model}`, estimate, usageFixture(10, 1));
    expect(estimator.errors()).toHaveLength(1_024);
  });
});
