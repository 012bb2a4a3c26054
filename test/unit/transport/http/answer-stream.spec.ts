import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { FastifyReply } from 'fastify';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import type { Generation, GenerationEvent } from '../../../../src/core/generation.js';
import { writeStream, type StreamFraming } from '../../../../src/transport/http/answer-stream.js';
import { chunkFixture, finishFixture, generationOf, HANG, type ScriptStep } from '../../../helpers/calls.js';
import { eventually } from '../../../helpers/eventually.js';

const framing: StreamFraming = {
  contentType: 'text/x-frames',
  opening: '(',
  closing: ')',
  event: (event) => (event.type === 'chunk' ? `${event.text ?? ''};` : ''),
  failure: (error) => `!${error.reason}`,
};

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A caller of a server that answers with the generation. */
async function answering(generation: Generation, frames = framing) {
  let raw: ServerResponse | undefined;
  let written: Promise<void> | undefined;
  let hijacked = false;
  const server = createServer((_, res) => {
    raw = res;
    const reply = { raw: res, hijack: () => (hijacked = true) } as unknown as FastifyReply;
    written = writeStream(reply, generation, { 'x-mine': '1' }, frames);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const request = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  closers.push(async () => {
    request.destroy();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { answer, request, written: () => written, raw: () => raw, hijacked: () => hijacked };
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of answer.setEncoding('utf8')) text += piece as string;
  return text;
}

const script = (...steps: ScriptStep[]) => generationOf(steps);

describe('writeStream', () => {
  it('writes head, frames and closing', async () => {
    const { answer, hijacked } = await answering(
      script(chunkFixture('a'), chunkFixture('b'), finishFixture()),
    );
    expect(answer.statusCode).toBe(200);
    expect(answer.headers).toMatchObject({
      'x-mine': '1',
      'content-type': 'text/x-frames',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    expect(await textOf(answer)).toBe(`(${chunkFixture('a').text};${chunkFixture('b').text};)`);
    expect(hijacked()).toBe(true);
  });

  it('ends a failed answer with one terminal frame in place of the closing', async () => {
    const { answer } = await answering(
      script(chunkFixture('a'), new GatewayError('UPSTREAM_OVERLOADED', 'x')),
    );
    expect(await textOf(answer)).toBe(`(${chunkFixture('a').text};!UPSTREAM_OVERLOADED`);
  });

  it('ends an answer that the surface refuses at its finish in the same way', async () => {
    const refusing = {
      ...framing,
      event: (event: GenerationEvent) => {
        if (event.type === 'finish') throw new GatewayError('SAFETY_BLOCKED', 'No.');
        return 'a';
      },
    };
    const { answer } = await answering(script(chunkFixture('a'), finishFixture()), refusing);
    expect(await textOf(answer)).toBe('(a!SAFETY_BLOCKED');
  });

  it('asks for no more than its caller reads', async () => {
    let asked = 0;
    let returned = false;
    const big = 'x'.repeat(262_144);
    const events = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          asked += 1;
          return Promise.resolve({ done: false as const, value: { ...chunkFixture('x'), text: big } });
        },
        return: () => {
          returned = true;
          return Promise.resolve({ done: true as const, value: undefined });
        },
      }),
    };
    const { answer, raw, written, request } = await answering({ ...script(), events });
    answer.pause();
    // Nothing moves any more once the sockets between are full.
    let before = -1;
    await eventually(async () => {
      const still = asked === before && raw()?.writableNeedDrain === true;
      before = asked;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return still;
    });
    expect(asked).toBeLessThan(200);
    answer.resume();
    await eventually(() => asked > before + 100);
    expect(raw()?.listenerCount('drain')).toBeLessThan(5);
    expect(raw()?.listenerCount('close')).toBeLessThan(10);
    request.destroy();
    await written();
    expect(returned).toBe(true);
  });

  it('returns the generation when the caller leaves between events', async () => {
    const generation = script(chunkFixture('a'), chunkFixture('b'), HANG);
    let release: (() => void) | undefined;
    const held = {
      ...framing,
      event: () => 'a',
    };
    const source = generation.events[Symbol.asyncIterator]();
    let turn = 0;
    const events = {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          turn += 1;
          if (turn === 2) await new Promise<void>((resolve) => (release = resolve));
          return source.next();
        },
        return: () => source.return!(),
      }),
    } as AsyncIterable<GenerationEvent>;
    const { request, raw, written } = await answering({ head: generation.head, events }, held);
    await eventually(() => release !== undefined);
    request.destroy();
    await eventually(() => raw()?.destroyed === true);
    release?.();
    await written();
    expect(generation.source.returns).toBe(1);
  });

  it('bears a failure after its caller left', async () => {
    let fail: ((error: Error) => void) | undefined;
    const events = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>((_, reject) => (fail = reject)),
      }),
    };
    const { request, raw, written } = await answering({ ...script(), events });
    request.destroy();
    await eventually(() => raw()?.destroyed === true);
    fail?.(new GatewayError('CANCELLED', 'The caller left.'));
    await expect(written()).resolves.toBeUndefined();
  });
});
