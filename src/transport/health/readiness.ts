import { Injectable } from '@nestjs/common';

/** Whether the gateway takes new work. */
@Injectable()
export class Readiness {
  #state: 'starting' | 'ready' | 'draining' = 'starting';

  get state(): 'starting' | 'ready' | 'draining' {
    return this.#state;
  }

  /** The listener is up. */
  ready(): void {
    if (this.#state === 'starting') this.#state = 'ready';
  }

  /** The gateway was told to stop. For good. */
  drain(): void {
    this.#state = 'draining';
  }
}
