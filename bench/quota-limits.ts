import { GATEWAY_KEY } from './processes.ts';

/** What the upstream lets one project do with one model in a minute. */
export interface Quota {
  readonly project: string;
  readonly model: string;
  readonly rpm: number;
  /** Input tokens. */
  readonly tpm: number;
}

/** Two projects and three models. Of three targets the requests are the tighter limit, of three the tokens. */
export const QUOTAS: readonly Quota[] = [
  { project: 'east', model: 'gemini-3.8-flash', rpm: 150, tpm: 200_000 },
  { project: 'east', model: 'gemini-3.5-flash', rpm: 200, tpm: 43_000 },
  { project: 'east', model: 'gemini-3.5-flash-lite', rpm: 100, tpm: 60_000 },
  { project: 'west', model: 'gemini-3.8-flash', rpm: 100, tpm: 34_000 },
  { project: 'west', model: 'gemini-3.5-flash', rpm: 80, tpm: 100_000 },
  { project: 'west', model: 'gemini-3.5-flash-lite', rpm: 120, tpm: 38_500 },
];

/** Each project has two keys, which share its quotas. */
export const UPSTREAM_KEYS: Readonly<Record<string, readonly string[]>> = {
  east: ['east-key-1', 'east-key-2'],
  west: ['west-key-1', 'west-key-2'],
};

/** Teams, each with a gateway key of its name. */
export const TEAMS = ['search', 'support', 'research'] as const;

/** The task whose calls may go to every target. */
export const TASK = 'any';

/** How long the emulator takes for every answer. */
export const ANSWER_MS = 200;

/**
 * The most calls per minute that the quotas allow, for calls of so many input tokens in the mean. A target does as many
 * as the tighter of its limits: min(rpm, tpm / mean tokens). Targets add up, because every call may go to each. It
 * holds for calls that are spread over the targets without a look at their size: whoever sent the large ones to where
 * requests are scarce, and the small ones to where tokens are, would do more, and whoever did the small ones alone.
 */
export function mostPerMinute(meanTokens: number): number {
  return QUOTAS.reduce((sum, { rpm, tpm }) => sum + Math.min(rpm, tpm / meanTokens), 0);
}

/** Flags of an emulator that enforces the quotas. */
export function emulatorFlags(quotaFile: string): string[] {
  const keys = Object.entries(UPSTREAM_KEYS).flatMap(([project, names]) =>
    names.flatMap((key) => ['--key-project', `${key}=${project}`]),
  );
  return ['--quota-file', quotaFile, '--delay-ms', String(ANSWER_MS), ...keys];
}

/** The gateway's configuration, with limits at that share of the upstream's. */
export function gatewayYaml(upstreamUrl: string, limitShare: number): string {
  const limited = (limit: number): number => Math.floor(limit * limitShare);
  const projects = Object.entries(UPSTREAM_KEYS).map(([project, keys]) => {
    const limits = QUOTAS.filter((quota) => quota.project === project).map(
      ({ model, rpm, tpm }) => `      ${model}: { rpm: ${limited(rpm)}, tpm: ${limited(tpm)} }`,
    );
    const secrets = keys.map((key) => `{ secret: "env:${variableOf(key)}" }`);
    return `  - id: ${project}
    provider: gemini
    baseUrl: ${upstreamUrl}
    credentials: { apiKeys: [${secrets.join(', ')}] }
    limits:
      "*": {}
${limits.join('\n')}`;
  });
  const models = [...new Set(QUOTAS.map(({ model }) => model))];
  const callers = TEAMS.map(
    (team) => `    - { id: ${team}, team: ${team}, secret: "env:${variableOf(team)}" }`,
  );
  return `projects:
${projects.join('\n')}
auth:
  keys:
${callers.join('\n')}
tasks:
  ${TASK}: { models: [${models.join(', ')}], strategy: balanced, timeoutMs: 600000 }
`;
}

/** Variables that the configuration refers to. */
export function gatewayEnvironment(redisUrl: string | undefined): Record<string, string> {
  const keys = Object.values(UPSTREAM_KEYS).flat();
  return {
    ...Object.fromEntries(keys.map((key) => [variableOf(key), key])),
    ...Object.fromEntries(TEAMS.map((team) => [variableOf(team), keyOf(team)])),
    ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
  };
}

/** A team's key to the gateway. */
export function keyOf(team: string): string {
  return `${GATEWAY_KEY}-${team}`;
}

function variableOf(name: string): string {
  return `KEY_${name.toUpperCase().replaceAll('-', '_')}`;
}
