import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { systemClock } from '../../../../src/core/clock.js';
import { RedisConnection } from '../../../../src/storage/redis/redis-connection.js';
import { RedisConfig } from '../../../../src/storage/storage.config.js';
import { eventually } from '../../../helpers/eventually.js';
import { type RedisServer, startRedisServer } from '../../../helpers/redis-server.js';

let server: RedisServer;
let url: string;
let connection: RedisConnection;

function connect(settings: Partial<RedisConfig> = {}, random = Math.random): RedisConnection {
  const config = Object.assign(new RedisConfig(), settings);
  return new RedisConnection({ id: 'url', current: () => url }, config, systemClock, random);
}

beforeAll(async () => (server = await startRedisServer()));
afterAll(() => server.close());
beforeEach(async () => {
  server.resume();
  ({ url } = server);
  connection = connect({ timeoutMs: 1_000 });
});
afterEach(() => connection.close());

const ping = (): Promise<unknown> => connection.send('', ['PING']);

/** Connections of ours that the server has open. */
async function clients(): Promise<number> {
  const list = String(await server.command('CLIENT', 'LIST', 'TYPE', 'normal'));
  return list.trim().split('\n').length - 1;
}

describe('RedisConnection', () => {
  it('connects when it is first needed, once for all that need it', async () => {
    expect(await clients()).toBe(0);
    expect(await Promise.all([ping(), ping(), connection.ready()])).toEqual(['PONG', 'PONG', undefined]);
    await ping();
    expect(await clients()).toBe(1);
  });

  it('passes on what the server says against a command, and stays', async () => {
    await expect(connection.send('k', ['GET'])).rejects.toThrow('wrong number of arguments');
    await ping();
    expect(await clients()).toBe(1);
  });

  it('enters with the password and the database of its URL', async () => {
    await server.command('CONFIG', 'SET', 'requirepass', 'open sesame');
    try {
      await expect(ping()).rejects.toThrow('NOAUTH');
      connection.close();
      url = url.replace('//', '//:open%20sesame@').concat('/5');
      connection = connect({ timeoutMs: 1_000 });
      expect(await connection.send('', ['CLIENT', 'INFO'])).toContain(' db=5 ');
    } finally {
      connection.close();
      const own = connect({ timeoutMs: 1_000 });
      await own.send('', ['CONFIG', 'SET', 'requirepass', '']);
      own.close();
    }
  });

  it('waits for an answer no longer than it may, and then takes another connection', async () => {
    connection.close();
    connection = connect({ timeoutMs: 50 });
    await ping();
    server.suspend();
    const startedMs = performance.now();
    await expect(ping()).rejects.toThrow('Redis did not answer within 50 ms.');
    expect(performance.now() - startedMs).toBeLessThan(150);
    server.resume();
    await eventually(() => ping().catch(() => undefined));
    expect(await eventually(async () => (await clients()) === 1)).toBe(true);
  });

  it('rejects at once what is under way when the connection breaks', async () => {
    const blocked = connection.send('', ['BLPOP', 'nothing', '0']);
    const outcome = expect(blocked).rejects.toThrow();
    await eventually(async () => String(await server.command('CLIENT', 'LIST')).includes('cmd=blpop'));
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal');
    const startedMs = performance.now();
    await outcome;
    expect(performance.now() - startedMs).toBeLessThan(500);
  });

  it('hardly notices that an idle connection was cut', async () => {
    await ping();
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal');
    await eventually(
      () =>
        ping().then(
          (answer) => answer === 'PONG',
          () => false,
        ),
      'an answer',
      200,
    );
  });

  it('does not hold earlier failures against a server that answers', async () => {
    connection.close();
    connection = connect({ timeoutMs: 1_000 }, () => 1);
    for (let time = 0; time < 10; time += 1) {
      await eventually(() => ping().catch(() => undefined));
      await server.command('CLIENT', 'KILL', 'TYPE', 'normal');
    }
    await eventually(() => ping().catch(() => undefined), 'an answer', 400);
  });

  it('goes on entering where that takes longer than an answer may', async () => {
    let knocks = 0;
    const sockets: Socket[] = [];
    // Never lets anybody in.
    const door = createServer((socket) => {
      knocks += 1;
      sockets.push(socket.resume());
    }).listen(0, '127.0.0.1');
    await once(door, 'listening');
    url = `redis://:password@127.0.0.1:${(door.address() as AddressInfo).port}`;
    connection.close();
    connection = connect({ timeoutMs: 50 });
    await expect(ping()).rejects.toThrow('within 50 ms');
    await expect(ping()).rejects.toThrow('within 50 ms');
    expect(knocks).toBe(1);
    await expect(connection.ready()).rejects.toThrow('within 1000 ms');
    connection.close();
    for (const socket of sockets) socket.destroy();
    door.close();
  });

  it('keeps nothing for later, and tries ever more rarely while nobody is there', async () => {
    let knocks = 0;
    const door: Server = createServer((socket) => {
      knocks += 1;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(door, 'listening');
    url = `redis://127.0.0.1:${(door.address() as AddressInfo).port}`;
    const endMs = performance.now() + 1_000;
    let failed = 0;
    while (performance.now() < endMs) {
      await ping().then(
        () => expect('an answer').toBe('none'),
        () => (failed += 1),
      );
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(failed).toBeGreaterThan(50);
    expect(knocks).toBeLessThan(40);
    door.close();
  });

  it('follows its URL to another server', async () => {
    const other = await startRedisServer();
    try {
      await ping();
      await server.command('SET', 'here', 'first');
      await other.command('SET', 'here', 'second');
      ({ url } = other);
      await server.command('CLIENT', 'KILL', 'TYPE', 'normal');
      const found = eventually(() => connection.send('here', ['GET', 'here']).catch(() => undefined));
      expect(await found).toBe('second');
    } finally {
      await other.close();
    }
  });

  it('leaves a server that has become a replica', async () => {
    await ping();
    const before = String(await connection.send('', ['CLIENT', 'ID']));
    await server.command('REPLICAOF', '127.0.0.1', '1');
    try {
      await expect(connection.send('k', ['SET', 'k', 'v'])).rejects.toThrow('READONLY');
      const after = await eventually(() => connection.send('', ['CLIENT', 'ID']).catch(() => undefined));
      expect(String(after)).not.toBe(before);
    } finally {
      await server.command('REPLICAOF', 'NO', 'ONE');
    }
  });

  it('does not show its URL in errors', async () => {
    url = 'http://u:hunter2@cache';
    await expect(ping()).rejects.toThrow('The URL of Redis is not of the form');
    await expect(ping()).rejects.not.toThrow('hunter2');
  });

  it('speaks TLS where the URL says so', async () => {
    const door = createServer().listen(0, '127.0.0.1');
    await once(door, 'listening');
    url = `rediss://127.0.0.1:${(door.address() as AddressInfo).port}`;
    const [[socket]] = (await Promise.all([once(door, 'connection'), ping().catch(() => undefined)])) as [
      [Socket],
      unknown,
    ];
    const hello = socket.read() as Buffer | null;
    const bytes = hello ?? ((await once(socket, 'data'))[0] as Buffer);
    // A handshake record (22), protocol 3.x.
    expect([...bytes.subarray(0, 2)]).toEqual([22, 3]);
    socket.destroy();
    door.close();
  });

  it('leaves no socket behind, whenever it is closed', async () => {
    const pending = ping().catch(() => undefined);
    connection.close();
    await pending;
    await expect(ping()).rejects.toThrow('There is no connection');
    expect(await eventually(async () => (await clients()) === 0)).toBe(true);
  });
});
