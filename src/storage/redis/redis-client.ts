import { createClient, createCluster, ErrorReply, RESP_TYPES } from '@redis/client';

/** What a server can answer. */
export type RedisReply = string | number | null | readonly RedisReply[];

/** A command with what it is about. */
export type RedisCommand = readonly (string | Buffer)[];

/** Where a Redis is, and how to enter it. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly database?: number;
}

/** One connection to a Redis, or one to each node of a cluster. It does not mend: a broken one is thrown away. */
export interface RedisClient {
  /** Resolves once commands can be sent. */
  connect(): Promise<void>;
  /** Sends a command about a key. Rejects at once where there is no connection. */
  send(key: string, command: RedisCommand): Promise<RedisReply>;
  /** The same, for a command that is answered with bytes or with nothing. */
  sendForBytes(key: string, command: RedisCommand): Promise<Buffer | null>;
  /** Ends it. What is under way rejects. */
  destroy(): void;
}

const CONNECT_TIMEOUT_MS = 1_000;
const PORT = 6_379;
const AS_BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

/** Reads `redis://` and `rediss://` URLs. Throws a TypeError that does not show the text, which may hold a password. */
export function parseRedisUrl(text: string): RedisAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const database = url?.pathname.replace(/^\/$/, '') ?? '';
  if (url === undefined || !/^rediss?:$/.test(url.protocol) || !/^(\/\d+)?$/.test(database))
    throw new TypeError(
      'The URL of Redis is not of the form redis[s]://[user:password@]host[:port][/database].',
    );
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1',
    port: url.port === '' ? PORT : Number(url.port),
    tls: url.protocol === 'rediss:',
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(database === '' ? {} : { database: Number(database.slice(1)) }),
  };
}

/** A client for one server. `onLost` hears, once or more often, that the connection is gone. */
export function singleClient(address: RedisAddress, onLost: (error: Error) => void): RedisClient {
  const { database } = address;
  const client = createClient({
    ...common(address),
    ...(database === undefined ? {} : { database }),
    socket: { ...socketOf(address), reconnectStrategy: false },
  });
  let connected = false;
  let unwanted = false;
  client.on('error', onLost);
  client.on('connect', () => {
    connected = true;
    if (unwanted) client.destroy();
  });
  return {
    connect: async () => void (await client.connect()),
    send: (_key, command) => client.sendCommand<RedisReply>(command),
    sendForBytes: (_key, command) => client.sendCommand<Buffer | null>(command, AS_BYTES),
    destroy: () => {
      // A client that is destroyed before it has a socket would leave that open.
      unwanted = true;
      if (connected && client.isOpen) client.destroy();
    },
  };
}

/** A client for a cluster. Connections to its nodes are made when they are needed, and made again by themselves. */
export function clusterClient(address: RedisAddress): RedisClient {
  const { host, port, tls } = address;
  const cluster = createCluster({
    rootNodes: [{ socket: { host, port } }],
    minimizeConnections: true,
    defaults: {
      ...common(address),
      // A node that stopped would otherwise hold the connections of everybody who asked it for the others.
      pingInterval: 3_000,
      socket: {
        tls,
        connectTimeout: CONNECT_TIMEOUT_MS,
        socketTimeout: 10_000,
        reconnectStrategy: jittered,
      },
    },
  });
  // Told by the commands that fail.
  cluster.on('error', () => undefined);
  return {
    connect: async () => void (await cluster.connect()),
    send: (key, command) => cluster.sendCommand<RedisReply>(key, false, [...command]),
    sendForBytes: (key, command) => cluster.sendCommand<Buffer | null>(key, false, [...command], AS_BYTES),
    destroy: () => cluster.destroy(),
  };
}

/** Whether a server answered, though with an error. */
export function isRedisAnswer(thrown: unknown): thrown is Error {
  return thrown instanceof ErrorReply;
}

function common({ username, password }: RedisAddress) {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
  } as const;
}

function socketOf({ host, port, tls }: RedisAddress) {
  const common = { host, port, connectTimeout: CONNECT_TIMEOUT_MS };
  return tls ? { ...common, tls: true as const } : common;
}

function jittered(retries: number): number {
  return Math.min(1_000, 50 * 2 ** retries) * (0.5 + Math.random() / 2);
}
