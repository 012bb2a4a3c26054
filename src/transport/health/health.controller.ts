import { Controller, Get, HttpException, Res } from '@nestjs/common';
import { HealthCheckService, HealthIndicatorService, type HealthIndicatorFunction } from '@nestjs/terminus';
import type { FastifyReply } from 'fastify';
import { HealthSummary } from './health-summary.js';
import { Readiness } from './readiness.js';

/** What orchestrators and operators ask about the gateway's state. Needs no key and shows no secrets. */
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly readiness: Readiness,
    private readonly state: HealthSummary,
  ) {}

  /** Summary: always 200. */
  @Get()
  summary(): object {
    return this.state.now();
  }

  /** The process runs. */
  @Get('live')
  live(@Res() reply: FastifyReply): Promise<void> {
    return this.#answer(reply, []);
  }

  /** New work is taken. A dead upstream does not make the gateway unready: no replica would do better. */
  @Get('ready')
  ready(@Res() reply: FastifyReply): Promise<void> {
    return this.#answer(reply, [() => this.#accepts((state) => state === 'ready')]);
  }

  /** The start is over. */
  @Get('startup')
  startup(@Res() reply: FastifyReply): Promise<void> {
    return this.#answer(reply, [() => this.#accepts((state) => state !== 'starting')]);
  }

  #accepts(expected: (state: string) => boolean) {
    const { state } = this.readiness;
    const indicator = this.indicators.check('gateway');
    return expected(state) ? indicator.up({ state }) : indicator.down({ state });
  }

  async #answer(reply: FastifyReply, checks: HealthIndicatorFunction[]): Promise<void> {
    try {
      void reply.send(await this.health.check(checks));
    } catch (thrown) {
      if (!(thrown instanceof HttpException)) throw thrown;
      void reply.code(thrown.getStatus()).send(thrown.getResponse());
    }
  }
}
