import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { systemClock } from '../../lib/clock.ts';
import { logErrorsBy } from '../../lib/logError.ts';
import type { Queue } from '../../lib/queue/queue.ts';
import type { Region } from '../../lib/replication/region.ts';
import { type LambdaSettings, lambdaSettings, type RegionSettings } from '../../lib/settings.ts';
import { awsTables } from '../../lib/storage/aws/aws.ts';
import type { ObjectStore } from '../../lib/storage/ports.ts';
import { composeWadi, type Parts, type Wadi } from '../../lib/wadi.ts';
import type { CreateHandler, HttpEvent } from '../handler.ts';
import { forLambda } from '../lambda.ts';
import { httpEvent, type RestEvent } from './restEvent.ts';
import { logger, measured, metrics } from './telemetry.ts';

logErrorsBy((error) => logger.error(error.message, error));

/** What a function uses, beside the tables. It carries no code of the rest. */
export interface FunctionParts extends Parts {
  readonly objects?: (settings: LambdaSettings) => ObjectStore;
  readonly queue?: (settings: { queueUrl: string }) => Queue;
}

/** The handler of an HTTP function as Lambda calls it, for an HTTP API or a REST API. */
export function onLambda(createHandler: CreateHandler, parts: FunctionParts) {
  return opened((wadi) => {
    const handler = measured(forLambda(createHandler, wadi));
    return (event: HttpEvent | RestEvent, context: Context) =>
      handler('routeKey' in event ? event : httpEvent(event, createHandler.routes), context);
  }, parts);
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
    const { clusterId, queueUrl, authorizer, region: local, regions } = settings;
    const wadi = await composeWadi(parts, {
      storage: { ...awsTables(settings), objects: objects?.(settings) as ObjectStore },
      clock: systemClock,
      authorizer,
      onCommit: (attempts) => void metrics.addMetric('AppendAttempts', MetricUnit.Count, attempts),
      // By the function, not by its routes: an alarm cannot add up what it does not know the names of.
      onAppendFailed: (partitions) =>
        void metrics.singleMetric().addMetric('AppendsFailed', MetricUnit.Count, partitions),
      ...(regions && { regions: { local, all: regions.map((each, i) => inRegion(settings, each, i)) } }),
      ...(clusterId && { clusterId }),
      ...(queueUrl && queue && { queue: queue({ queueUrl }) }),
    });
    metrics.setDefaultDimensions({ cluster: wadi.clusterId });
    return createHandler(wadi);
  }

  const inRegion = (settings: LambdaSettings, { name, bucket }: RegionSettings, i: number): Region => ({
    ...{ id: i + 1, name },
    objects: objects?.({ ...settings, region: name, bucket }) as ObjectStore,
  });

  // As in handler.ts, nothing need be done when time gets short.
  return middy<Event, Result, Error, Context>({ timeoutEarlyInMillis: 0 })
    .use(injectLambdaContext(logger))
    .handler(async (event: Event, context: Context) => {
      opened ??= open().catch((error) => {
        opened = undefined;
        throw error;
      });
      return (await opened)(event, context);
    });
}
