import { describe, expect, it } from '@jest/globals';
import { parseRedisUrl } from '../../../../src/storage/redis/redis-client.js';

describe('parseRedisUrl', () => {
  it.each([
    ['redis://cache', { host: 'cache', port: 6379, tls: false }],
    ['rediss://cache:6380/', { host: 'cache', port: 6380, tls: true }],
    ['redis://[::1]:7000/3', { host: '::1', port: 7000, tls: false, database: 3 }],
    ['redis://:p%40ss@cache', { host: 'cache', port: 6379, tls: false, password: 'p@ss' }],
    [
      'rediss://me:secret@10.0.0.3:1/0',
      { host: '10.0.0.3', port: 1, tls: true, username: 'me', password: 'secret', database: 0 },
    ],
  ])('reads %s', (url, address) => {
    expect(parseRedisUrl(url)).toEqual(address);
  });

  it.each([
    '',
    'cache:6379',
    'http://u:hunter2@cache',
    'redis://cache/hunter2',
    'redis://u:hunter2@cache:99999',
  ])('refuses %p without showing it', (url) => {
    expect(() => parseRedisUrl(url)).toThrow(TypeError);
    expect(() => parseRedisUrl(url)).not.toThrow(/hunter2/);
  });
});
