import { type FailoverContext, type FailoverReport, failover } from '../lib/failover/failover.ts';

export interface FailoverEvent {
  /** The region that is to be home; that of the function unless given. */
  readonly to?: string;
}

/** Called by an operator. Answers what was done, or `null` if that region is home already. Rejects as `failover` does: then it is called again. */
export const createHandler =
  (context: FailoverContext, local: string) =>
  async ({ to = local }: FailoverEvent): Promise<FailoverReport | null> =>
    (await failover(context, to)) ?? null;
