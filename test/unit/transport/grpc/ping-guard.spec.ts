import { constants, type Http2Session } from 'node:http2';
import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { GrpcConfig } from '../../../../src/transport/grpc/grpc.config.js';
import { PingGuards } from '../../../../src/transport/grpc/ping-guard.js';
import { ManualClock } from '../../../helpers/manual-clock.js';

/** A connection that remembers how it was ended. */
class Connection extends EventEmitter {
  readonly ends: unknown[] = [];

  goaway(...args: [code: number, last: number, data: Buffer]): void {
    this.ends.push([args[0], args[2].toString()]);
  }

  destroy(): void {
    this.ends.push('destroyed');
  }
}

function guarded(keepalive: Partial<GrpcConfig['keepalive']> = {}) {
  const clock = new ManualClock();
  const config = new GrpcConfig();
  Object.assign(config.keepalive, { minPingIntervalMs: 1_000, ...keepalive });
  const guards = new PingGuards(config, clock);
  const connection = new Connection();
  const session = connection as unknown as Http2Session;
  guards.watch(session);
  const ping = (times: number, everyMs: number): void => {
    for (let time = 0; time < times; time += 1) {
      clock.advance(everyMs);
      connection.emit('ping', Buffer.alloc(8));
    }
  };
  return { clock, connection, guard: guards.of(session), guards, ping };
}

const CALMED = [[constants.NGHTTP2_ENHANCE_YOUR_CALM, 'too_many_pings'], 'destroyed'];

describe('PingGuards', () => {
  it('let a client ping at the permitted rate for as long as it likes', () => {
    const { connection, ping } = guarded();
    ping(100, 1_000);
    expect(connection.ends).toEqual([]);
  });

  it('forgive two pings too early, and end the connection at the third', () => {
    const { connection, ping } = guarded();
    ping(3, 100);
    expect(connection.ends).toEqual([]);
    ping(1, 100);
    expect(connection.ends).toEqual(CALMED);
  });

  it('begin anew whenever something is sent: the line is measured by pings then', () => {
    const { connection, guard, ping } = guarded();
    for (let message = 0; message < 20; message += 1) {
      ping(2, 1);
      guard?.sent();
    }
    expect(connection.ends).toEqual([]);
  });

  it('hold idle clients to two hours where these may not ping', () => {
    const { connection, ping } = guarded({ permitWithoutCalls: false });
    ping(4, 60_000);
    expect(connection.ends).toEqual(CALMED);
  });

  it('hold a client with a call to the ordinary rate all the same', () => {
    const { connection, guard, ping } = guarded({ permitWithoutCalls: false });
    guard?.began();
    ping(20, 1_000);
    expect(connection.ends).toEqual([]);
    guard?.over();
    ping(3, 1_000);
    expect(connection.ends).toEqual(CALMED);
  });

  it('know no connection that they do not watch', () => {
    const { guards } = guarded();
    expect(guards.of(undefined)).toBeUndefined();
    expect(guards.of(new Connection() as unknown as Http2Session)).toBeUndefined();
  });
});
