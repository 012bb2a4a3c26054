import { describe, expect, it } from '@jest/globals';
import { connectionsFor, openFilesLimit } from '../../../../src/transport/shared/open-files.js';

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max processes             unlimited            unlimited            processes
Max open files            1024                 524288               files
Max locked memory         8388608              8388608              bytes
`;

describe('openFilesLimit', () => {
  it('is what the process may open now', () => {
    expect(openFilesLimit(LIMITS)).toBe(1_024);
  });

  it('is unknown where there is none, or nobody tells', () => {
    expect(openFilesLimit(LIMITS.replace('1024  ', 'unlimited'))).toBeUndefined();
    expect(openFilesLimit('')).toBeUndefined();
  });
});

describe('connectionsFor', () => {
  it.each([
    [256, 96],
    [1_024, 480],
    [65_536, 32_736],
    [1_048_576, 524_256],
  ])(
    'leaves of %i files as many for upstreams as it takes, and 64 for all else: %i',
    (files, connections) => {
      expect(connectionsFor(files)).toBe(connections);
      expect(2 * connections + 64).toBeLessThanOrEqual(files);
    },
  );

  it('is one where there are next to no files, and no bound where the limit is unknown', () => {
    expect(connectionsFor(20)).toBe(1);
    expect(connectionsFor(undefined)).toBeUndefined();
  });
});
