import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { Pool } from 'undici';

/** An HTTP request to repeat. */
export interface HttpShot {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A gRPC call to repeat. */
export interface GrpcShot {
  readonly method: string;
  readonly streams: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  /** The message, encoded. */
  readonly message: Buffer;
}

export type Shot = HttpShot | GrpcShot;

/** Where a server listens. */
export interface Addresses {
  readonly url: string;
  readonly grpcAddress?: string | undefined;
}

/** Connections to a server over which one shot is repeated. */
export interface Line {
  /** Makes a call; gives each piece of its answer as it comes. Throws at an answer that is none. */
  fire(): AsyncIterable<unknown>;
  close(): Promise<void>;
}

/** Opens so many connections. */
export function openLine(addresses: Addresses, shot: Shot, connections: number): Line {
  return 'path' in shot
    ? httpLine(addresses.url, shot, connections)
    : grpcLine(addresses.grpcAddress ?? '', shot, connections);
}

function httpLine(url: string, shot: HttpShot, connections: number): Line {
  const pool = new Pool(url, { connections });
  return {
    async *fire() {
      const { statusCode, body } = await pool.request({ method: 'POST', ...shot });
      if (statusCode !== 200) throw new Error(`${shot.path} answered ${statusCode}: ${await body.text()}`);
      yield* body;
    },
    close: () => pool.close(),
  };
}

/** Callers share few connections, as gRPC is meant to be used. */
const CALLS_PER_CHANNEL = 64;

function grpcLine(address: string, shot: GrpcShot, connections: number): Line {
  const clients = Array.from(
    { length: Math.ceil(connections / CALLS_PER_CHANNEL) },
    (_, index) =>
      // A channel of its own for each, which the library shares by default.
      new Client(address, credentials.createInsecure(), {
        'grpc.use_local_subchannel_pool': 1,
        'bench.channel': index,
      }),
  );
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(shot.metadata)) metadata.set(name, value);
  let turn = 0;
  const asIs = (bytes: Buffer): Buffer => bytes;
  return {
    async *fire() {
      const client = clients[(turn += 1) % clients.length];
      if (client === undefined) throw new Error('there is no connection');
      if (shot.streams) {
        yield* client.makeServerStreamRequest(shot.method, asIs, asIs, shot.message, metadata);
        return;
      }
      yield await new Promise((resolve, reject) => {
        client.makeUnaryRequest(shot.method, asIs, asIs, shot.message, metadata, (error, answer) => {
          if (error === null) resolve(answer);
          else reject(error);
        });
      });
    },
    close: () => {
      for (const client of clients) client.close();
      return Promise.resolve();
    },
  };
}
