import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { Random } from '../../src/emulator/random.js';

/** What happens to the bytes of one direction, once `fromByte` of them have passed unharmed. */
export type FaultKind =
  /** Each read of them is sent on late: by `delayMs`, and up to `jitterMs` more. */
  | { readonly kind: 'latency'; readonly delayMs: number; readonly jitterMs?: number }
  /** Both sides of the connection are reset. */
  | { readonly kind: 'reset' }
  /** They vanish, and the connection stays open. */
  | { readonly kind: 'black-hole' }
  /** They come in writes of that many bytes, each on its own. */
  | { readonly kind: 'slicer'; readonly sliceBytes: number }
  /** They vanish, and the connection is closed `afterMs` later, in an orderly way. */
  | { readonly kind: 'close'; readonly afterMs: number }
  | { readonly kind: 'bandwidth'; readonly bytesPerSecond: number };

/** A fault, and whom it hits. */
export type Fault = FaultKind & {
  /** Where the bytes go that it hits; to the caller unless given. */
  readonly toward?: 'caller' | 'upstream';
  /** Counted for each connection from the moment at which the fault was set. 0 unless given. */
  readonly fromByte?: number;
  /** How many connections it hits, the first that carry something; all unless given. */
  readonly connections?: number;
};

/** A proxy that stands between a caller and a server and spoils what passes. */
export interface FaultProxy {
  /** `http://host:port` to call in place of the server. */
  readonly url: string;
  /** Connections that are open. */
  readonly connections: number;
  /** From now on this happens, also on connections that are open already. */
  set(fault: Fault): void;
  /** From now on nothing happens; a connection that lost bytes stays as it is. */
  clear(): void;
  /** Cuts every connection and stops listening. */
  close(): Promise<void>;
}

/** Starts one in front of a port of the loopback interface. Jitter is the same for the same seed. */
export async function startFaultProxy(targetPort: number, { seed }: { seed: number }): Promise<FaultProxy> {
  const spoiler = new Spoiler(new Random(seed));
  const open = new Set<Link>();
  const server = createServer({ noDelay: true }, (caller) => {
    const link = new Link(caller, connect({ port: targetPort, host: '127.0.0.1', noDelay: true }), spoiler);
    open.add(link);
    caller.once('close', () => open.delete(link));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return open.size;
    },
    set: (fault) => spoiler.set(fault),
    clear: () => spoiler.set(undefined),
    close: async () => {
      for (const link of open) link.cut();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The fault in force, and the connections that it hits. */
class Spoiler {
  #fault: Fault | undefined;
  #hit = new Set<Link>();
  /** Changes with the fault, so that bytes are counted anew. */
  era = 0;

  constructor(readonly random: Random) {}

  set(fault: Fault | undefined): void {
    this.#fault = fault;
    this.#hit = new Set();
    this.era += 1;
  }

  /** What hits the bytes that a connection carries in one direction. */
  faultOf(link: Link, toward: 'caller' | 'upstream'): Fault | undefined {
    const fault = this.#fault;
    if (fault === undefined || (fault.toward ?? 'caller') !== toward) return undefined;
    if (!this.#hit.has(link) && this.#hit.size >= (fault.connections ?? Infinity)) return undefined;
    this.#hit.add(link);
    return fault;
  }
}

/** One connection of a caller and the one that was made for it. */
class Link {
  constructor(
    private readonly caller: Socket,
    private readonly upstream: Socket,
    private readonly spoiler: Spoiler,
  ) {
    // A caller who closes wants nothing more; what a server sent before it closed may still be on its way.
    caller.once('close', () => upstream.destroy());
    for (const socket of [caller, upstream]) socket.on('error', () => this.cut());
    void this.#pump(caller, upstream, 'upstream');
    void this.#pump(upstream, caller, 'caller');
  }

  /** Resets both sides. */
  cut(): void {
    for (const socket of [this.caller, this.upstream]) {
      if (socket.destroyed) continue;
      // Node never lets go of a socket that is reset while its end is on the way.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  async #pump(from: Socket, to: Socket, toward: 'caller' | 'upstream'): Promise<void> {
    const lane = new Lane(this, this.spoiler, toward, to);
    try {
      if (to.connecting) await once(to, 'connect');
      // Left to itself the iterator destroys its socket, with what the other direction still has to say.
      for await (const bytes of from.iterator({ destroyOnReturn: false })) {
        if (await lane.pass(bytes as Buffer)) continue;
        // Nothing more follows; a socket that is not read does not notice its end either.
        from.resume();
        return;
      }
      to.end();
    } catch {
      // A reset on one side is passed on to the other.
      this.cut();
    }
  }
}

/** One direction of a connection. */
class Lane {
  #passed = 0;
  #era = -1;

  constructor(
    private readonly link: Link,
    private readonly spoiler: Spoiler,
    private readonly toward: 'caller' | 'upstream',
    private readonly to: Socket,
  ) {}

  /** Sends bytes on as the fault has it; false when nothing more is to follow. */
  async pass(bytes: Buffer): Promise<boolean> {
    if (this.#era !== this.spoiler.era) {
      this.#era = this.spoiler.era;
      this.#passed = 0;
    }
    const fault = this.spoiler.faultOf(this.link, this.toward);
    const unharmed = fault === undefined ? bytes.length : Math.max(0, (fault.fromByte ?? 0) - this.#passed);
    this.#passed += bytes.length;
    await this.#write(bytes.subarray(0, unharmed));
    const hit = bytes.subarray(unharmed);
    return fault === undefined || hit.length === 0 || this.#spoil(hit, fault);
  }

  async #spoil(bytes: Buffer, fault: Fault): Promise<boolean> {
    switch (fault.kind) {
      case 'latency':
        await delay(fault.delayMs + this.spoiler.random.next() * (fault.jitterMs ?? 0));
        await this.#write(bytes);
        return true;
      case 'slicer':
        await this.#slice(bytes, fault.sliceBytes, () => new Promise((resolve) => setImmediate(resolve)));
        return true;
      case 'bandwidth': {
        const perTick = Math.ceil((fault.bytesPerSecond * TICK_MS) / 1_000);
        await this.#slice(bytes, perTick, () => delay(TICK_MS));
        return true;
      }
      case 'reset':
        this.link.cut();
        return false;
      case 'black-hole':
        return false;
      case 'close':
        await delay(fault.afterMs);
        this.to.end();
        return false;
    }
  }

  async #slice(bytes: Buffer, size: number, pause: () => Promise<unknown>): Promise<void> {
    for (let at = 0; at < bytes.length && !this.to.destroyed; at += size) {
      await this.#write(bytes.subarray(at, at + size));
      await pause();
    }
  }

  async #write(bytes: Buffer): Promise<void> {
    if (bytes.length === 0 || this.to.destroyed || this.to.write(bytes)) return;
    await new Promise<void>((resolve) => {
      this.to.once('drain', resolve).once('close', resolve);
    });
  }
}

const TICK_MS = 10;

// A delay that nobody waits for any more holds no process up.
const delay = (ms: number): Promise<void> => setTimeout(ms, undefined, { ref: false });
