import type { Context } from 'aws-lambda';
import { systemClock } from '../../lib/clock.ts';
import type { Queue } from '../../lib/queue/queue.ts';
import { type LambdaSettings, lambdaSettings } from '../../lib/settings.ts';
import { awsTables } from '../../lib/storage/aws/aws.ts';
import type { ObjectStore } from '../../lib/storage/ports.ts';
import { composeWadi, type Parts, type Wadi } from '../../lib/wadi.ts';
import type { CreateHandler } from '../handler.ts';
import { forLambda } from '../lambda.ts';

/** What a function uses, beside the tables. It carries no code of the rest. */
export interface FunctionParts extends Parts {
  readonly objects?: (settings: LambdaSettings) => ObjectStore;
  readonly queue?: (settings: { queueUrl: string }) => Queue;
}

/** The handler of an HTTP function as Lambda calls it. */
export function onLambda(createHandler: CreateHandler, parts: FunctionParts) {
  return opened((wadi) => forLambda(createHandler, wadi), parts);
}

type Handler<Event, Result> = (event: Event, context: Context) => Promise<Result>;

/** A handler as Lambda calls it. Its Wadi is opened by the first event and serves all that follow. */
export function opened<Event, Result>(
  createHandler: (wadi: Wadi) => Handler<Event, Result>,
  { objects, queue, ...parts }: FunctionParts,
) {
  let opened: Promise<Handler<Event, Result>> | undefined;

  async function open() {
    const settings = lambdaSettings();
    const { clusterId, queueUrl, authorizer } = settings;
    const wadi = await composeWadi(parts, {
      storage: { ...awsTables(settings), objects: objects?.(settings) as ObjectStore },
      clock: systemClock,
      authorizer,
      ...(clusterId && { clusterId }),
      ...(queueUrl && queue && { queue: queue({ queueUrl }) }),
    });
    return createHandler(wadi);
  }

  return async (event: Event, context: Context): Promise<Result> => {
    opened ??= open().catch((error) => {
      opened = undefined;
      throw error;
    });
    return (await opened)(event, context);
  };
}
