import { type Scenario, scenarioFrom } from './scenario.js';

/** A call as scenarios see it. */
export interface ScenarioSubject {
  readonly model: string;
  readonly key: string;
  readonly text: string;
  readonly project: string;
  readonly operation: string;
}

/** A scenario that is waiting for calls. */
export interface ActiveScenario {
  readonly id: number;
  readonly scenario: Scenario;
  /** Calls that it happened to. */
  readonly hits: number;
}

/** The scenarios in force, in the order in which they were added: the first that fits a call is played. */
export class Scenarios {
  private active: { readonly id: number; readonly scenario: Scenario; hits: number }[] = [];
  private nextId = 1;

  /** Adds one scenario or several, all or none; gives their ids. Throws ScenarioError for what cannot be played. */
  add(scenarios: Scenario | readonly Scenario[]): number[] {
    const checked = (Array.isArray(scenarios) ? scenarios : [scenarios]).map(scenarioFrom);
    return checked.map((scenario) => {
      this.active.push({ id: this.nextId, scenario, hits: 0 });
      return this.nextId++;
    });
  }

  /** Those that may still happen to a call. */
  list(): readonly ActiveScenario[] {
    return this.active;
  }

  /** Forgets all of them. */
  clear(): void {
    this.active = [];
  }

  /** True when there is none, so that calls need not be described. */
  get empty(): boolean {
    return this.active.length === 0;
  }

  /** The scenario for this call, used up by one. */
  take(subject: ScenarioSubject): Scenario | undefined {
    const found = this.active.find(({ scenario }) => fits(scenario, subject));
    if (found === undefined) return undefined;
    found.hits++;
    const times = found.scenario.times ?? 1;
    if (times > 0 && found.hits >= times) this.active = this.active.filter((each) => each !== found);
    return found.scenario;
  }
}

function fits({ match = {} }: Scenario, subject: ScenarioSubject): boolean {
  return (
    (match.model === undefined || match.model === subject.model) &&
    (match.key === undefined || match.key === subject.key) &&
    (match.project === undefined || match.project === subject.project) &&
    (match.operation === undefined || match.operation === subject.operation) &&
    (match.text === undefined || subject.text.includes(match.text))
  );
}
