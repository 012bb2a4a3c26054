import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { SecretStore } from '../config/secrets.js';
import { Clock } from '../core/clock.js';
import type { Credential } from '../core/credential.js';
import type { Provider } from '../core/provider.js';
import { geminiProvider } from '../providers/gemini/gemini.provider.js';
import { openAiCompatibleProvider } from '../providers/openai-compatible/openai-compatible.provider.js';
import { vertexProvider } from '../providers/vertex/vertex.provider.js';
import type { ProjectConfig, ProviderKind } from './projects.config.js';

interface Made {
  readonly provider: Provider;
  readonly fingerprint: string;
}

// Calls that started under an older configuration may still go to its providers; no call lasts longer.
const RETIREMENT_MS = 900_000;

/**
 * One provider per project. A project whose settings did not change keeps its provider, and so its connections,
 * through a reload; a provider that is no longer named closes once no call can need it.
 */
@Injectable()
export class ProviderRegistry implements OnApplicationShutdown {
  #made = new Map<string, Made>();
  readonly #retired = new Set<Provider>();

  constructor(
    private readonly secrets: SecretStore,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** The providers of these projects, by project id. Those of earlier calls that are not among them retire. */
  take(projects: readonly ProjectConfig[]): ReadonlyMap<string, Provider> {
    const made = new Map<string, Made>();
    for (const project of projects) {
      const { weight: _, models: __, modelNames: ___, residency: ____, ...connection } = project;
      const fingerprint = JSON.stringify(connection);
      const present = this.#made.get(project.id);
      made.set(
        project.id,
        present?.fingerprint === fingerprint
          ? present
          : {
              provider: MAKERS[project.provider](project, this.#credentials(project), this.clock),
              fingerprint,
            },
      );
    }
    for (const [id, { provider }] of this.#made)
      if (made.get(id)?.provider !== provider) this.#retire(provider);
    this.#made = made;
    return new Map([...made].map(([id, { provider }]) => [id, provider]));
  }

  async onApplicationShutdown(): Promise<void> {
    const made = [...this.#made.values()].map(({ provider }) => provider);
    await Promise.all([...made, ...this.#retired].map((provider) => provider.close()));
  }

  #retire(provider: Provider): void {
    this.#retired.add(provider);
    this.clock.after(RETIREMENT_MS, () => {
      this.#retired.delete(provider);
      void provider.close();
    });
  }

  #credentials({ credentials }: ProjectConfig): Credentials {
    return {
      apiKeys: (credentials.apiKeys ?? []).map(({ secret }) => this.secrets.watch(secret)),
      ...(credentials.serviceAccount === undefined
        ? {}
        : { serviceAccount: this.secrets.watch(credentials.serviceAccount) }),
    };
  }
}

interface Credentials {
  readonly apiKeys: readonly Credential[];
  readonly serviceAccount?: Credential;
}

type Maker = (project: ProjectConfig, credentials: Credentials, clock: Clock) => Provider;

const MAKERS = {
  gemini: (project, { apiKeys }, clock) =>
    geminiProvider(
      {
        baseUrl: project.baseUrl ?? 'https://generativelanguage.googleapis.com',
        apiKeys,
        http: httpOptions(project),
        bounds: project.connections,
      },
      clock,
    ),
  vertex: (project, { serviceAccount }, clock) =>
    vertexProvider(
      {
        project: project.project ?? '',
        location: project.location,
        ...(project.baseUrl === undefined ? {} : { baseUrl: project.baseUrl }),
        ...(serviceAccount === undefined ? {} : { credentials: serviceAccount }),
        http: httpOptions(project),
        bounds: project.connections,
      },
      clock,
    ),
  'openai-compatible': (project, { apiKeys }, clock) =>
    openAiCompatibleProvider(
      { baseUrl: project.baseUrl ?? '', apiKeys, http: httpOptions(project), bounds: project.connections },
      clock,
    ),
} satisfies Record<ProviderKind, Maker>;

function httpOptions({ timeouts, connections }: ProjectConfig) {
  return {
    connectTimeoutMs: timeouts.connectMs,
    keepAliveMs: connections.keepAliveMs,
    maxConnections: connections.max,
    http2: connections.http2,
  };
}
