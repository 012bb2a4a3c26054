import { IsInt, IsNumber, IsOptional, Max, Min } from 'class-validator';
import { Doc } from '../config/field.decorator.js';
import { MOST, type QuotaLimits } from './quota-ledger.port.js';

const NANO_USD_PER_USD = 1_000_000_000;

/** Google's limits for one model on one project, as its console shows them. What is absent is not limited. */
export class ModelLimitsConfig {
  @Doc('Requests per minute.')
  @IsInt()
  @Min(0)
  @Max(MOST)
  @IsOptional()
  rpm?: number;

  @Doc('Input tokens per minute.')
  @IsInt()
  @Min(0)
  @Max(MOST)
  @IsOptional()
  tpm?: number;

  @Doc('Requests per day; days end at midnight in Los Angeles.')
  @IsInt()
  @Min(0)
  @Max(MOST)
  @IsOptional()
  rpd?: number;

  @Doc('Input tokens per day.')
  @IsInt()
  @Min(0)
  @Max(MOST)
  @IsOptional()
  tpd?: number;

  @Doc('Images made per minute.')
  @IsInt()
  @Min(0)
  @Max(MOST)
  @IsOptional()
  ipm?: number;

  @Doc('Calls under way at once.')
  @IsInt()
  @Min(0)
  @Max(MOST)
  @IsOptional()
  concurrentCalls?: number;

  @Doc('USD per rolling ten minutes: the spend limit of the account’s tier.')
  @IsNumber()
  @Min(0)
  @Max(MOST / NANO_USD_PER_USD)
  @IsOptional()
  usdPerTenMinutes?: number;
}

/** The limits in the ledger's words. */
export function quotaLimitsOf(limits: ModelLimitsConfig): QuotaLimits {
  const { rpm, tpm, rpd, tpd, ipm, concurrentCalls, usdPerTenMinutes } = limits;
  const named = {
    requestsPerMinute: rpm,
    inputTokensPerMinute: tpm,
    requestsPerDay: rpd,
    inputTokensPerDay: tpd,
    imagesPerMinute: ipm,
    concurrentCalls,
    nanoUsdPerTenMinutes:
      usdPerTenMinutes === undefined ? undefined : Math.floor(usdPerTenMinutes * NANO_USD_PER_USD),
  };
  return Object.fromEntries(Object.entries(named).filter(([, limit]) => limit !== undefined));
}
