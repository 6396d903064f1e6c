import { GetQueueAttributesCommand, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Queue } from './queue.ts';

/** Of SendMessageBatch. */
const MESSAGES_PER_BATCH = 10;
const WAITING = 'ApproximateNumberOfMessages';

export interface SqsOptions {
  readonly queueUrl: string;
  /** What is not given here, the SDK finds as always. */
  readonly region?: string;
  readonly endpoint?: string;
  readonly credentials?: { accessKeyId: string; secretAccessKey: string };
}

/** A standard queue of SQS. Throws the SDK's errors, and an Error if some messages were not taken. */
export function sqsQueue({ queueUrl, ...options }: SqsOptions): Queue {
  const client = new SQSClient(options);
  return {
    async send(messages) {
      for (let from = 0; from < messages.length; from += MESSAGES_PER_BATCH) {
        const Entries = messages
          .slice(from, from + MESSAGES_PER_BATCH)
          .map((MessageBody, i) => ({ Id: String(i), MessageBody }));
        const { Failed = [] } = await client.send(
          new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }),
        );
        if (Failed.length > 0) throw new Error(`SQS did not take ${Failed.length}: ${Failed[0]!.Message}`);
      }
    },
    async waiting() {
      const command = new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: [WAITING] });
      const { Attributes } = await client.send(command);
      return Number(Attributes?.[WAITING] ?? 0);
    },
  };
}
