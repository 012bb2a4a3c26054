import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { prepare, root } from './lib/toolchain.mjs';

const timeoutMs = 120_000;

/** Each check is a program; `problems` reads its answer where the exit code does not tell. */
const checks = [
  {
    name: 'types',
    program: 'typescript/bin/tsc',
    args: ['--noEmit', '--incremental', '--tsBuildInfoFile', 'node_modules/.cache/types.tsbuildinfo'],
  },
  { name: 'lint', program: 'oxlint/bin/oxlint', args: ['--deny-warnings'] },
  {
    name: 'boundaries',
    program: 'dependency-cruiser/bin/dependency-cruiser.mjs',
    args: ['src', 'test', '--config', '.dependency-cruiser.cjs', '--output-type', 'json'],
    problems: boundaryProblems,
  },
  { name: 'dead code', program: 'knip/bin/knip.js', args: ['--no-progress', '--no-config-hints'] },
  { name: 'format', program: 'oxfmt/bin/oxfmt', args: ['--check'] },
  { name: 'protocol', program: '@bufbuild/buf/bin/buf', args: ['lint'] },
  {
    name: 'protocol format',
    program: '@bufbuild/buf/bin/buf',
    args: ['format', '--diff', '--exit-code'],
  },
];

const node = await prepare();
const startedMs = performance.now();
const results = await Promise.all(checks.map(check));
const failures = results.filter(({ passed }) => !passed).map(({ name }) => name);
console.log(
  `check: ${failures.length === 0 ? 'ok' : `failed: ${failures.join(', ')}`}, ${secondsSince(startedMs)}`,
);
process.exitCode = failures.length === 0 ? 0 : 1;

async function check({ name, program, args, problems = () => '' }) {
  const startMs = performance.now();
  const { code, stdout, stderr } = await capture(node, [join(root, 'node_modules', program), ...args]);
  const found = code === 0 ? problems(stdout) : `${stdout}${stderr}`.trim() || `ended with ${code}`;
  const passed = code === 0 && found === '';
  console.log(
    `check: ${name} ${passed ? 'ok' : 'FAILED'}, ${secondsSince(startMs)}${passed ? '' : `\n${found}\n`}`,
  );
  return { name, passed };
}

function capture(command, args) {
  return new Promise((resolve) => {
    const options = { cwd: root, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 };
    execFile(command, args, options, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr });
    });
  });
}

/** A cruise that saw less than the files of `src` proves nothing: unread files count as problems. */
function boundaryProblems(stdout) {
  const { modules, summary } = JSON.parse(stdout);
  const seen = new Set(modules.map(({ source }) => source));
  const files = readdirSync(join(root, 'src'), { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `src/${file.replaceAll('\\', '/')}`);
  const unread = files.filter((file) => !seen.has(file)).map((file) => `not analysed: ${file}`);
  const nothing = files.length === 0 ? ['not analysed: src is empty'] : [];
  const reasons = new Map(summary.ruleSetUsed.forbidden.map(({ name, comment }) => [name, comment]));
  const violations = summary.violations.map(({ rule, from, to, cycle }) => {
    const path = cycle ? [from, ...cycle.map(({ name }) => name)] : [...new Set([from, to])];
    return `${rule.name}: ${path.join(' -> ')}\n  ${reasons.get(rule.name)}`;
  });
  return [...nothing, ...unread, ...violations].join('\n');
}

function secondsSince(startMs) {
  return `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
}
