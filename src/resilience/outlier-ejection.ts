import { Inject, Injectable } from '@nestjs/common';
import { sectionToken } from '../config/config.module.js';
import { Clock } from '../core/clock.js';
import { ResilienceConfig } from './resilience.config.js';

/** Projects known; the first known are forgotten beyond it. */
const MAX_PROJECTS = 1_024;
/** The others must fail at most so much as often as an outlier does. */
const OTHERS_SHARE = 0.5;

/** Ends of the last attempts, a bounded number of them. */
class Ends {
  readonly #failed: Uint8Array;
  #next = 0;
  #seen = 0;
  #failures = 0;

  constructor(size: number) {
    this.#failed = new Uint8Array(size);
  }

  /** Attempts seen, at most the size. */
  get seen(): number {
    return this.#seen;
  }

  get failures(): number {
    return this.#failures;
  }

  add(failed: boolean): void {
    const end = failed ? 1 : 0;
    this.#failures += end - (this.#failed[this.#next] ?? 0);
    this.#failed[this.#next] = end;
    this.#next = (this.#next + 1) % this.#failed.length;
    this.#seen = Math.min(this.#failed.length, this.#seen + 1);
  }
}

interface Known {
  ends: Ends;
  /** Ejections so far; one is forgiven for each time as long as the last ejection that passes without another. */
  times: number;
  ejectedUntilMs: number;
}

/**
 * Takes a project out of plans for a while when it fails much more often than the others, whatever its models: its
 * billing, its network path, its region. Where all fail alike, none is an outlier. What a breaker does for one model
 * on one project, this does for a project as a whole; after the pause it is judged afresh.
 */
@Injectable()
export class OutlierEjection {
  readonly #projects = new Map<string, Known>();
  #lastUntilMs = -Infinity;

  constructor(
    @Inject(sectionToken(ResilienceConfig)) private readonly config: ResilienceConfig,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Tells how an attempt on a project ended, as far as it speaks of the project. */
  observe(project: string, failed: boolean): void {
    const known = this.#of(project);
    const nowMs = this.clock.monotonicMs();
    if (nowMs < known.ejectedUntilMs) return;
    known.ends.add(failed);
    if (failed && this.#isOutlier(project, known.ends)) this.#eject(known, nowMs);
  }

  /** Whether any project is out now. */
  get any(): boolean {
    return this.clock.monotonicMs() < this.#lastUntilMs;
  }

  /** Whether a project is out now. */
  has(project: string): boolean {
    return this.clock.monotonicMs() < (this.#projects.get(project)?.ejectedUntilMs ?? -Infinity);
  }

  /** Projects that were tried, as far as they are remembered. */
  projects(): readonly string[] {
    return [...this.#projects.keys()];
  }

  #isOutlier(project: string, { seen, failures }: Ends): boolean {
    const { failureShare, windowCalls } = this.config.ejection;
    const share = failures / seen;
    if (seen < windowCalls || share < failureShare) return false;
    let others = 0;
    let othersFailed = 0;
    for (const [name, { ends }] of this.#projects) {
      if (name === project) continue;
      others += ends.seen;
      othersFailed += ends.failures;
    }
    return others > 0 && othersFailed / others <= share * OTHERS_SHARE;
  }

  #eject(known: Known, nowMs: number): void {
    const { ejectMs, maxEjectMs, windowCalls } = this.config.ejection;
    const goodMs = nowMs - known.ejectedUntilMs;
    const lastMs = Math.min(maxEjectMs, ejectMs * Math.max(1, known.times));
    known.times = Math.max(0, known.times - Math.floor(goodMs / lastMs)) + 1;
    known.ejectedUntilMs = nowMs + Math.min(maxEjectMs, ejectMs * known.times);
    known.ends = new Ends(windowCalls);
    this.#lastUntilMs = Math.max(this.#lastUntilMs, known.ejectedUntilMs);
  }

  #of(project: string): Known {
    const present = this.#projects.get(project);
    if (present !== undefined) return present;
    const made = { ends: new Ends(this.config.ejection.windowCalls), times: 0, ejectedUntilMs: -Infinity };
    this.#projects.set(project, made);
    if (this.#projects.size > MAX_PROJECTS) {
      const [oldest] = this.#projects.keys();
      if (oldest !== undefined) this.#projects.delete(oldest);
    }
    return made;
  }
}
