import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { logError } from '../lib/logError.ts';
import { type Worked, work } from '../lib/maintenance/worker.ts';
import type { Wadi } from '../lib/wadi.ts';

/** SQS's event, as far as it is read here. */
export interface QueueEvent {
  readonly Records: readonly Pick<SQSEvent['Records'][number], 'messageId' | 'body'>[];
}

export interface MaintenanceOptions {
  /** Told of each message that was worked on. */
  readonly report?: (worked: Worked) => void;
  readonly isStopping?: () => boolean;
}

/** Called with messages of the planner. Those that failed are answered, to be sent again; it never rejects. */
export const createHandler =
  (wadi: Wadi, { report = () => undefined, isStopping = () => false }: MaintenanceOptions = {}) =>
  async ({ Records }: QueueEvent): Promise<SQSBatchResponse> => {
    const warn = (error: unknown) => {
      // Stores that are closed fail.
      if (!isStopping()) logError(error);
    };
    const batchItemFailures: SQSBatchResponse['batchItemFailures'] = [];
    for (const { messageId, body } of Records) {
      try {
        const worked = await work(wadi, body, { isStopping, warn });
        if (worked !== undefined) report(worked);
      } catch (error) {
        warn(error);
        batchItemFailures.push({ itemIdentifier: messageId });
      }
    }
    return { batchItemFailures };
  };

export type CreateMaintenance = typeof createHandler;
