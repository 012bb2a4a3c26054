import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root, with a trailing slash. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

// The build needs the development dependencies, whatever NODE_ENV says.
const npmCi = ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--loglevel=error'];

/**
 * Makes the install complete and answers with the path of the Node to run under.
 * Ends the process with a message when either is impossible.
 */
export async function prepare() {
  if (!isInstalled(join(root, 'package-lock.json'), join(root, 'node_modules/.package-lock.json'))) {
    console.log(
      'install: npm ci --ignore-scripts (node_modules is missing or from another package-lock.json)',
    );
    await step('npm', npmCi, {
      // npm puts node_modules/.bin first, where `node` is the very binary that `npm ci` removes.
      env: { ...process.env, PATH: withoutLocalBinaries(process.env.PATH ?? '') },
    });
  }
  return pinnedNode();
}

/**
 * Runs a program with this one's streams and resolves with its exit code (128 + n when signal n ended it).
 * SIGINT, SIGTERM and SIGHUP are passed on to it. With `timeoutMs`, it and all its descendants are ended
 * when the time is over, and the code is 124.
 */
export async function run(command, args, { timeoutMs, ...options } = {}) {
  // A bounded program leads a process group of its own, so that the bound reaches its workers too.
  const detached = timeoutMs !== undefined;
  const child = spawn(command, args, { cwd: root, stdio: 'inherit', detached, ...options });
  const send = (signal) => (detached ? signalGroup(child.pid, signal) : child.kill(signal));
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, send);

  let expired = false;
  const expire = () => {
    expired = true;
    console.error(`stopped: not finished after ${timeoutMs / 1000} s`);
    send('SIGKILL');
  };
  const timer = detached ? setTimeout(expire, timeoutMs) : undefined;
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) =>
        resolve(expired ? 124 : (code ?? 128 + constants.signals[signal])),
      );
    });
  } finally {
    clearTimeout(timer);
    for (const signal of signals) process.off(signal, send);
  }
}

/** Runs a program that must succeed: its failure ends the process with its exit code. */
export async function step(command, args, options) {
  const code = await run(command, args, options);
  if (code !== 0) process.exit(code);
}

/**
 * Whether npm's own record of what it installed holds every package of the lock file.
 * Packages for other systems are optional and may be absent.
 */
function isInstalled(lockFile, installedFile) {
  if (!existsSync(installedFile)) return false;
  const { '': _root, ...wanted } = readPackages(lockFile);
  const installed = readPackages(installedFile);
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    const found = installed[path];
    return found ? found.version === version && found.integrity === integrity : optional === true;
  });
}

function readPackages(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages;
}

function pinnedNode() {
  const pinned = join(root, `node_modules/node-linux-${process.arch}/bin/node`);
  if (process.platform === 'linux' && existsSync(pinned)) return pinned;
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  if (isAtLeast(process.versions.node, engines.node)) return process.execPath;
  console.error(
    `Node ${process.versions.node} is too old: this needs Node ${engines.node}, and npm carries one only for ` +
      `Linux on x64 and arm64 (here: ${process.platform} ${process.arch}). Install a newer Node ` +
      '(https://nodejs.org) or, on those systems, run `npm ci --include=optional`.',
  );
  return process.exit(1);
}

/** Whether `version` (`22.19.0`) meets a range of the form `>=22.19`. */
function isAtLeast(version, range) {
  const [major, minor] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = range.match(/\d+/g).map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

function withoutLocalBinaries(path) {
  const folders = path.split(delimiter);
  return folders.filter((folder) => !folder.endsWith('node_modules/.bin')).join(delimiter);
}

function signalGroup(leader, signal) {
  try {
    process.kill(-leader, signal);
  } catch (error) {
    // The group may have ended between the signal's arrival and now.
    if (error.code !== 'ESRCH') throw error;
  }
}
