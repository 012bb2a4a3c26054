import { IsInt, Min } from 'class-validator';
import { Doc, ListOf, MapOf } from '../config/field.decorator.js';
import type { ConfigProblem, ConfigSnapshot } from '../core/config-snapshot.js';
import { ModelsConfig } from './models.config.js';
import { ProjectConfig } from './projects.config.js';
import { routingProblems } from './routing-check.js';
import { CannedConfig, TaskConfig } from './tasks.config.js';

/** Who answers what. */
export class RoutingConfig {
  static readonly section = 'routing';
  static readonly topLevel = true;
  static check(snapshot: ConfigSnapshot): readonly ConfigProblem[] {
    return routingProblems(snapshot.get(RoutingConfig), snapshot.get(ModelsConfig).models);
  }

  @Doc('Google projects and other accounts that answer calls.')
  @ListOf(() => ProjectConfig)
  projects: ProjectConfig[] = [];

  @Doc('Tasks by name.')
  @MapOf(() => TaskConfig)
  tasks: Record<string, TaskConfig> = {};

  @Doc('Deadline of a call that names a model and no task, unless the caller sets a shorter one.')
  @IsInt()
  @Min(1)
  callTimeoutMs: number = 300_000;

  @Doc('How often each project is looked at for /health, without generating anything.')
  @IsInt()
  @Min(1_000)
  probeIntervalMs: number = 60_000;

  @Doc('Answers made beforehand, by name: reduced service in an outage.')
  @MapOf(() => CannedConfig)
  canned: Record<string, CannedConfig> = {};
}
