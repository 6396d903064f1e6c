import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { createInProcessQueue } from '../../lib/queue/inProcess.ts';
import { sqsQueue } from '../../lib/queue/sqs.ts';
import { EMULATOR_ACCESS, startS3 } from '../support/emulators.ts';

test('SQS takes any number of messages, and tells how many wait', async () => {
  // The emulator of S3 is one of SQS too.
  const { endpoint, stop } = await startS3();
  const client = new SQSClient({ ...EMULATOR_ACCESS, endpoint });
  try {
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: 'units' }));
    // It names a host that is found nowhere.
    const queueUrl = endpoint + new URL(QueueUrl!).pathname;
    const queue = sqsQueue({ queueUrl, endpoint, ...EMULATOR_ACCESS });
    await queue.send([]);
    const messages = Array.from({ length: 25 }, (_, i) => `unit ${i}`);
    await queue.send(messages);
    expect(await queue.waiting()).toBe(25);

    const received: string[] = [];
    while (received.length < 25) {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10 }),
      );
      received.push(...Messages.map(({ Body }) => Body!));
    }
    expect(received.toSorted()).toEqual(messages.toSorted());
    const nowhere = sqsQueue({ queueUrl: `${queueUrl}-not`, endpoint, ...EMULATOR_ACCESS });
    await expect(nowhere.send(['unit'])).rejects.toThrow();
  } finally {
    client.destroy();
    await stop();
  }
});

test('a queue in the process gives messages in order, each once, and tells when some have come', async () => {
  const queue = createInProcessQueue();
  let told = 0;
  queue.onSent(() => told++);
  await queue.send(['a', 'b', 'a']);
  await queue.send(['b', 'c']);
  expect(told).toBe(2);
  expect(await queue.waiting()).toBe(3);
  expect([queue.take(), queue.take(), queue.take(), queue.take()]).toEqual(['a', 'b', 'c', undefined]);
});
