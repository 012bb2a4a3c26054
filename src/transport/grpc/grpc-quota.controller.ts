import { Controller, UseFilters } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { QuotaOverview } from '../../routing/quota-overview.js';
import { assertAllowed } from '../shared/admission.js';
import {
  GeminiGateway,
  type GetQuotaRequest,
  type GetQuotaResponse,
} from './gen/gemini_gateway/v1/gateway_pb.js';
import type { Incoming } from './grpc-transport.js';
import { PassThrown } from './pass-thrown.filter.js';
import { quotaMessage } from './quota.mapper.js';

/** How much of Google's quotas is used: the sum over all tenants, so for admins alone. */
@Controller()
@UseFilters(PassThrown)
export class GrpcQuotaController {
  constructor(private readonly overview: QuotaOverview) {}

  @GrpcMethod(GeminiGateway.typeName, 'GetQuota')
  async quota({ exchange }: Incoming<GetQuotaRequest>): Promise<GetQuotaResponse> {
    assertAllowed(exchange.caller, 'admin');
    return quotaMessage(await this.overview.targets());
  }
}
