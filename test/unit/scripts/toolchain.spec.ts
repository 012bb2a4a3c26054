import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';

const locked = {
  '': {},
  'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
  'node_modules/elsewhere': { version: '1.0.0', integrity: 'sha512-e', optional: true },
};
const npmStub = '#!/bin/sh\necho "npm $*"\nexit ${NPM_EXIT:-0}\n';

let clone: string;

beforeEach(async () => {
  clone = await mkdtemp(join(tmpdir(), 'toolchain-'));
  await cp('scripts/lib', join(clone, 'scripts/lib'), { recursive: true });
  await mkdir(join(clone, 'node_modules'));
  await write('package.json', { engines: { node: '>=22.19' } });
  await write('package-lock.json', { packages: locked });
  await writeFile(join(clone, 'npm'), npmStub, { mode: 0o755 });
});

afterEach(() => rm(clone, { recursive: true }));

function write(file: string, content: object): Promise<void> {
  return writeFile(join(clone, file), JSON.stringify(content));
}

function start(program: string, env: Record<string, string> = {}) {
  const lines = ["import { prepare, run } from './scripts/lib/toolchain.mjs';", program];
  return spawn(process.execPath, ['--input-type=module', '--eval', lines.join('\n')], {
    cwd: clone,
    env: { PATH: [clone, '/usr/bin', '/bin'].join(delimiter), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function finish(child: ReturnType<typeof start>) {
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, code };
}

describe('prepare', () => {
  const prepare = 'console.log(`node ${await prepare()}`);';

  it('leaves an install alone that holds every package of the lock file for this system', async () => {
    await write('node_modules/.package-lock.json', {
      packages: { 'node_modules/a': locked['node_modules/a'] },
    });
    expect((await finish(start(prepare))).stdout).toBe(`node ${process.execPath}\n`);
  });

  it.each([
    ['there is no install', undefined],
    ['the install lacks a package', {}],
    ['the install has another version', { 'node_modules/a': { version: '0.9.0', integrity: 'sha512-a' } }],
    ['the install has other content', { 'node_modules/a': { version: '1.0.0', integrity: 'sha512-x' } }],
  ])('installs when %s', async (_case, packages) => {
    if (packages) await write('node_modules/.package-lock.json', { packages });
    expect((await finish(start(prepare))).stdout).toContain('npm ci --ignore-scripts');
  });

  it('ends with the exit code of a failed install', async () => {
    expect(await finish(start(prepare, { NPM_EXIT: '7' }))).toMatchObject({ code: 7 });
  });

  it('never runs npm under the Node inside node_modules, which the install replaces', async () => {
    const local = join(clone, 'node_modules/.bin');
    await mkdir(local);
    await writeFile(join(local, 'npm'), '#!/bin/sh\necho local npm\n', { mode: 0o755 });
    const { stdout } = await finish(start(prepare, { PATH: [local, clone, '/bin'].join(delimiter) }));
    expect(stdout).not.toContain('local npm');
  });

  it('prefers the Node that was installed for this system', async () => {
    const folder = `node_modules/node-linux-${process.arch}/bin`;
    await mkdir(join(clone, folder), { recursive: true });
    await writeFile(join(clone, folder, 'node'), '');
    const expected = process.platform === 'linux' ? join(clone, folder, 'node') : process.execPath;
    expect((await finish(start(prepare))).stdout).toContain(`node ${expected}`);
  });

  it('refuses a Node that is too old and says what to do', async () => {
    await write('package.json', { engines: { node: '>=99.1' } });
    const { code, stderr } = await finish(start(prepare));
    expect(code).toBe(1);
    expect(stderr).toContain('needs Node >=99.1');
    expect(stderr).toContain('Install a newer Node');
  });
});

describe('run', () => {
  const runNode = (script: string, options = '{}') =>
    `process.exitCode = await run(process.execPath, ['-e', ${JSON.stringify(script)}], ${options});`;

  it('passes arguments through and the exit code back', async () => {
    expect(await finish(start(runNode('console.log("hi"); process.exit(3)')))).toMatchObject({
      code: 3,
      stdout: 'hi\n',
    });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('passes %s on and lets the program drain', async (signal) => {
    const program = `process.on('${signal}', () => { console.log('drained'); process.exit(5); });
      setInterval(() => {}, 1000); console.log('ready');`;
    const child = start(runNode(program));
    child.stdout.once('data', () => child.kill(signal));
    expect(await finish(child)).toMatchObject({ code: 5, stdout: 'ready\ndrained\n' });
  });

  it('answers 128 + n for a program that signal n ended', async () => {
    expect(await finish(start(runNode('process.kill(process.pid, "SIGTERM")')))).toMatchObject({ code: 143 });
  });

  it('ends a program and its descendants when the time is over', async () => {
    const grandchild = `require('node:child_process').spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'inherit' });`;
    // The streams close, and `finish` returns, only when no descendant holds them any more.
    const { code, stderr } = await finish(start(runNode(grandchild, '{ timeoutMs: 300 }')));
    expect(code).toBe(124);
    expect(stderr).toBe('stopped: not finished after 0.3 s\n');
  });
});
