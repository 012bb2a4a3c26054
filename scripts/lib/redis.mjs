import { spawnSync } from 'node:child_process';
import { run } from './toolchain.mjs';

const LEAST_MAJOR = 7;
const server = 'redis-server';
const HOW =
  `suites that need Redis want \`redis-server\` ${LEAST_MAJOR} or newer on the path: ` +
  '`apt-get install redis-server` on Debian and Ubuntu, `brew install redis` on macOS, or https://redis.io/downloads';

/**
 * Makes sure that there is a `redis-server` for suites to start: on Debian and its kin it is installed where that needs
 * no password. Elsewhere a message says what to do, and the suites that need it fail.
 */
export async function ensureRedis() {
  if (redisMajor() >= LEAST_MAJOR) return;
  const root = elevation();
  if (process.platform !== 'linux' || root === undefined || !runs('apt-get', ['--version'])) {
    console.error(`install: ${HOW}`);
    return;
  }
  console.log('install: apt-get install redis-server (Redis is missing or older than 7)');
  // Nobody is to answer questions, and no service is to be started.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const quiet = { env, stdio: ['ignore', 'ignore', 'inherit'] };
  const aptGet = (...words) => {
    const [program, ...args] = [...root, 'apt-get', ...words];
    return run(program, args, quiet);
  };
  // An update that fails for one of several sources may do for Redis all the same.
  await aptGet('update', '-qq');
  await aptGet('install', '-y', '-qq', '--no-install-recommends', server);
  if (redisMajor() < LEAST_MAJOR) console.error(`install: that did not work; ${HOW}`);
}

/** Major version of the `redis-server` on the path; 0 where there is none. */
function redisMajor() {
  const { stdout } = spawnSync(server, ['--version'], { encoding: 'utf8' });
  return Number(/ v=(\d+)/.exec(stdout ?? '')?.[1] ?? 0);
}

/** What to put before a command that only root may run; undefined where that would ask for a password. */
function elevation() {
  if (process.getuid?.() === 0) return [];
  return process.env.CI && runs('sudo', ['-n', 'true']) ? ['sudo', '-n', '-E'] : undefined;
}

function runs(program, args) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}
