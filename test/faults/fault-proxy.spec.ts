import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../helpers/eventually.js';
import { startFaultProxy, type FaultProxy } from './fault-proxy.js';

describe('the fault proxy', () => {
  let echo: Server;
  let proxy: FaultProxy;
  let reads: number[];
  const served = new Set<Socket>();
  beforeEach(async () => {
    reads = [];
    echo = createServer((socket) => {
      served.add(socket);
      socket.on('data', (bytes: Buffer) => void reads.push(bytes.length));
      socket.on('error', () => undefined).on('close', () => served.delete(socket));
      socket.pipe(socket);
    });
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
    proxy = await startFaultProxy((echo.address() as AddressInfo).port, { seed: 1 });
  });
  afterEach(async () => {
    await proxy.close();
    await eventually(() => served.size === 0, 'the end of every connection');
    echo.close();
  });

  /** A connection through the proxy: what came back, and how it ended. */
  function dial() {
    const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1');
    const heard = { text: '', ended: '', closedMs: 0 };
    socket.on('data', (bytes: Buffer) => (heard.text += bytes.toString()));
    socket.on('end', () => (heard.ended = 'end'));
    socket.on('error', (error: NodeJS.ErrnoException) => (heard.ended = error.code ?? ''));
    socket.on('close', () => (heard.closedMs = performance.now()));
    return { socket, heard };
  }
  const has = (heard: { text: string }, text: string) => eventually(() => heard.text === text, `"${text}"`);

  it('passes everything on, and the end, when nothing is set', async () => {
    const { socket, heard } = dial();
    socket.write('hello');
    await has(heard, 'hello');
    for (const one of served) one.end();
    await eventually(() => heard.ended === 'end');
    await eventually(() => proxy.connections === 0);
  });

  it('resets both sides after the bytes that may pass', async () => {
    proxy.set({ kind: 'reset', fromByte: 3 });
    const { socket, heard } = dial();
    socket.write('hello');
    await eventually(() => heard.ended === 'ECONNRESET');
    expect('hello'.startsWith(heard.text)).toBe(true);
    expect(proxy.connections).toBe(0);
  });

  it('swallows what goes to the upstream, or what comes back, and holds the line', async () => {
    for (const toward of ['upstream', 'caller'] as const) {
      proxy.set({ kind: 'black-hole', toward, fromByte: 2 });
      const { socket, heard } = dial();
      socket.write('hello');
      await has(heard, 'he');
      await eventually(() => reads.at(-1) === (toward === 'upstream' ? 2 : 5));
      proxy.clear();
      expect([heard.ended, proxy.connections]).toEqual(['', 1]);
      // A caller who gives up is noticed even so.
      socket.destroy();
      await eventually(() => proxy.connections === 0 && served.size === 0);
    }
  });

  it('slices', async () => {
    proxy.set({ kind: 'slicer', sliceBytes: 1, toward: 'upstream' });
    const { socket, heard } = dial();
    socket.write('hello');
    await has(heard, 'hello');
    // The system may join what arrives before anybody reads.
    expect(reads.length).toBeGreaterThanOrEqual(3);
  });

  it('closes in an orderly way after so many bytes, at once or late', async () => {
    for (const afterMs of [0, 60]) {
      proxy.set({ kind: 'close', fromByte: 4, afterMs });
      const { socket, heard } = dial();
      socket.write('hello');
      await has(heard, 'hell');
      const saidMs = performance.now();
      await eventually(() => heard.ended === 'end' && heard.closedMs > 0);
      expect(heard.closedMs - saidMs).toBeGreaterThanOrEqual(afterMs - 20);
    }
  });

  it('delays within its bounds, and lets only so much through in a second', async () => {
    const took = async (text: string): Promise<number> => {
      const { socket, heard } = dial();
      const startedMs = performance.now();
      socket.write(text);
      await has(heard, text);
      return performance.now() - startedMs;
    };
    proxy.set({ kind: 'latency', delayMs: 30, jitterMs: 20 });
    expect(await took('hello')).toBeGreaterThanOrEqual(29);
    proxy.set({ kind: 'bandwidth', bytesPerSecond: 1_000 });
    expect(await took('x'.repeat(100))).toBeGreaterThanOrEqual(80);
  });

  it('hits so many connections and no more, and none once it is cleared', async () => {
    const first = dial();
    first.socket.write('a');
    await has(first.heard, 'a');
    proxy.set({ kind: 'reset', connections: 1 });
    first.socket.write('b');
    await eventually(() => first.heard.ended === 'ECONNRESET');
    const second = dial();
    second.socket.write('c');
    await has(second.heard, 'c');
    proxy.set({ kind: 'reset' });
    proxy.clear();
    second.socket.write('d');
    await has(second.heard, 'cd');
  });

  it('passes a reset of the upstream on', async () => {
    const { socket, heard } = dial();
    socket.write('a');
    await has(heard, 'a');
    for (const one of served) one.resetAndDestroy();
    await eventually(() => heard.ended === 'ECONNRESET');
  });

  it('is reset itself where there is no upstream', async () => {
    const nowhere = await startFaultProxy(1, { seed: 1 });
    const socket = connect(Number(new URL(nowhere.url).port), '127.0.0.1');
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
    await nowhere.close();
  });
});
