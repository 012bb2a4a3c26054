import { getHeapStatistics } from 'node:v8';
import { describe, expect, it } from '@jest/globals';
import { RequestRoom } from '../../../../src/transport/shared/request-room.js';
import { ServerConfig } from '../../../../src/transport/server.config.js';

function roomFor(settings: Partial<ServerConfig>): RequestRoom {
  return new RequestRoom(Object.assign(new ServerConfig(), settings));
}

const FULL = expect.objectContaining({ reason: 'QUEUE_FULL', retryAfterMs: 1_000 });

function refusal(room: RequestRoom, bodyBytes: number): unknown {
  try {
    room.take(bodyBytes);
    return undefined;
  } catch (thrown) {
    return thrown;
  }
}

describe('RequestRoom', () => {
  it('has as many places as it is told, and gives one that was left to another', () => {
    const room = roomFor({ maxRequestsInFlight: 2 });
    const first = room.take(0);
    room.take(0);
    expect(refusal(room, 0)).toEqual(FULL);
    first.leave();
    room.take(0);
    expect(refusal(room, 0)).toEqual(FULL);
  });

  it('counts a place that is left twice once', () => {
    const room = roomFor({ maxRequestsInFlight: 2 });
    const first = room.take(0);
    room.take(0);
    first.leave();
    first.leave();
    room.take(0);
    expect(refusal(room, 0)).toEqual(FULL);
  });

  it('takes no place for what it refuses', () => {
    const room = roomFor({ maxRequestsInFlight: 1 });
    const first = room.take(0);
    for (let at = 0; at < 10; at += 1) expect(refusal(room, 0)).toEqual(FULL);
    first.leave();
    expect(refusal(room, 0)).toBeUndefined();
  });

  it('bounds bodies together, to the byte, and lets smaller ones in all the same', () => {
    const room = roomFor({ maxBodyBytesInFlight: 100 });
    const first = room.take(60);
    expect(refusal(room, 41)).toEqual(FULL);
    room.take(40);
    expect(refusal(room, 1)).toEqual(FULL);
    expect(refusal(room, 0)).toBeUndefined();
    first.leave();
    expect(refusal(room, 60)).toBeUndefined();
  });

  it('lets one request in whatever its size', () => {
    const room = roomFor({ maxBodyBytesInFlight: 100 });
    const only = room.take(1_000);
    expect(refusal(room, 1)).toEqual(FULL);
    only.leave();
    expect(refusal(room, 100)).toBeUndefined();
  });

  it('counts a body with what it turned out to be', () => {
    const room = roomFor({ maxBodyBytesInFlight: 100 });
    const chunked = room.take(0);
    chunked.holds(90);
    expect(refusal(room, 20)).toEqual(FULL);
    chunked.holds(80);
    const other = room.take(20);
    chunked.leave();
    chunked.holds(1_000);
    other.leave();
    const room80 = [room.take(80), room.take(20)];
    expect(room80).toHaveLength(2);
    expect(refusal(room, 1)).toEqual(FULL);
  });

  it('leaves bodies an eighth of the heap, unless it is told otherwise', () => {
    const eighth = Math.floor(getHeapStatistics().heap_size_limit / 8);
    const room = roomFor({});
    room.take(1);
    expect(refusal(room, eighth)).toEqual(FULL);
    expect(refusal(room, eighth - 1)).toBeUndefined();
  });
});
