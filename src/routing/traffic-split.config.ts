import { ArrayNotEmpty, IsIn, IsNumber, IsString, Max, Min } from 'class-validator';
import { Doc, ListOf } from '../config/field.decorator.js';

/** What keeps a caller on the model that was drawn for it. */
export const STICKY_BY = ['call', 'team', 'user', 'conversation'] as const;
export type StickyBy = (typeof STICKY_BY)[number];

/** A share of a task's traffic. */
export class ShareConfig {
  @Doc('Model that is tried first for this share.')
  @IsString()
  model!: string;

  @Doc('Share of the task’s traffic, 0 to 100.')
  @IsNumber()
  @Min(0)
  @Max(100)
  percent!: number;
}

/** How a task's traffic is divided, for the gradual rollout of a model. */
export class TrafficSplitConfig {
  @Doc(
    'What stays together: `call` draws for each call; `team`, `user` (the end user that the call names, else the key’s) and `conversation` (the one that the call names, else its system instruction and first message) are always drawn alike. Who is in stays in while a percentage grows.',
  )
  @IsIn(STICKY_BY)
  stickyBy: StickyBy = 'conversation';

  @Doc('Shares of the traffic; the rest goes by `models`, which also follow when a model of a share fails.')
  @ListOf(() => ShareConfig)
  @ArrayNotEmpty()
  shares!: ShareConfig[];
}
