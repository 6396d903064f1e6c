import type { OpenQueue } from './lambda.ts';

/** As in `lambda.ts`: the local cluster does without the SDK. */
export const openQueue: OpenQueue = async (queueUrl) => {
  const { sqsQueue } = await import('../lib/queue/sqs.ts');
  return sqsQueue({ queueUrl });
};
