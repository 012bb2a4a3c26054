import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ensure-redis-'));
  await cp('scripts/lib', join(folder, 'scripts/lib'), { recursive: true });
});

afterEach(() => rm(folder, { recursive: true }));

/** A program on the path, of which nothing else is on it. */
function program(name: string, script: string): Promise<void> {
  return writeFile(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

const redis = (version: string) => writeFile(join(folder, 'version'), `${version}\n`);
const redisServer = () =>
  program('redis-server', `read v < ${folder}/version; echo "Redis server v=$v sha=00000000:0 bits=64"`);

async function ensure() {
  const run = "await (await import('./scripts/lib/redis.mjs')).ensureRedis();";
  const child = spawn(process.execPath, ['--input-type=module', '--eval', run], {
    cwd: folder,
    // Whoever is not root may become it there without a password.
    env: { PATH: folder, CI: 'true' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, code };
}

describe('ensureRedis', () => {
  it('says and does nothing where there is a Redis', async () => {
    await redis('7.0.15');
    await redisServer();
    await program('apt-get', `echo "$@" >> ${folder}/asked`);
    expect(await ensure()).toEqual({ stdout: '', stderr: '', code: 0 });
    await expect(readFile(join(folder, 'asked'))).rejects.toThrow('ENOENT');
  });

  it.each(['', '6.2.14'])(
    'installs one in place of "%s", without questions and without a service',
    async (old) => {
      await redis(old);
      await redisServer();
      await program('sudo', 'shift; [ "$1" = -E ] && shift; exec "$@"');
      await program('true', 'exit 0');
      const note = `echo "$DEBIAN_FRONTEND $RUNLEVEL $@" >> ${folder}/asked`;
      await program('apt-get', `${note}; [ "$1" = install ] && echo 7.2.4 > ${folder}/version; exit 0`);
      const { stdout, stderr, code } = await ensure();
      expect({ stdout, stderr, code }).toMatchObject({ stderr: '', code: 0 });
      expect(stdout).toContain('install: apt-get install redis-server');
      const asked = (await readFile(join(folder, 'asked'), 'utf8')).trim().split('\n').slice(1);
      expect(asked).toEqual([
        'noninteractive 1 update -qq',
        'noninteractive 1 install -y -qq --no-install-recommends redis-server',
      ]);
    },
  );

  it('says what to do where that does not work, and lets the run go on', async () => {
    await program('sudo', 'shift; [ "$1" = -E ] && shift; exec "$@"');
    await program('true', 'exit 0');
    await program('apt-get', '[ "$1" = --version ]');
    const { stderr, code } = await ensure();
    expect(stderr).toContain('that did not work');
    expect(stderr).toContain('redis-server` 7 or newer');
    expect(code).toBe(0);
  });

  it('says what to do where there is no apt', async () => {
    const { stdout, stderr, code } = await ensure();
    expect(stderr).toContain('brew install redis');
    expect({ stdout, code }).toEqual({ stdout: '', code: 0 });
  });
});
