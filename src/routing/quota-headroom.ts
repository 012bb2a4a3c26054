import { Injectable } from '@nestjs/common';
import { QuotaGate } from '../quota/quota-gate.js';
import type { Target } from './target.js';

/** So little is a target without room worth that any other that can answer comes before it. */
const NO_ROOM = 0.001;

/** Which targets have room in their quotas, as far as is known without asking the ledger. */
@Injectable()
export class QuotaHeadroom {
  constructor(private readonly gate: QuotaGate) {}

  /** 1 where there is room or nothing is known, next to nothing where there is none. */
  of({ quota }: Pick<Target, 'quota'>): number {
    return this.gate.isFull(quota) ? NO_ROOM : 1;
  }
}
