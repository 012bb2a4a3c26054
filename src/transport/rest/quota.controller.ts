import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { QuotaOverview } from '../../routing/quota-overview.js';
import { exchangeOf } from '../http/exchange.js';
import { Documented } from '../http/route-docs.js';
import { assertAllowed } from '../shared/admission.js';

/** How much of Google's quotas is used: the sum over all tenants, so for admins alone. */
@Controller('v1/quota')
export class QuotaController {
  constructor(private readonly overview: QuotaOverview) {}

  @Get()
  @Documented({ summary: 'Show limits and use of the projects’ quotas, by target and bucket; scope "admin"' })
  async quota(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    assertAllowed(exchangeOf(request).caller, 'admin');
    void reply.send({ targets: await this.overview.targets() });
  }
}
