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
import { copiesOf, homesOf, type ServingHomes, type Tables } from './home.ts';
import { logger, metrics } from './telemetry.ts';

logErrorsBy((error) => logger.error(error.message, error));

/** What a function uses, beside the tables. It carries no code of the rest. */
export interface FunctionParts extends Parts {
  readonly objects?: (settings: LambdaSettings) => ObjectStore;
  readonly queue?: (settings: { queueUrl: string }) => Queue;
}

type Handler<Event, Result> = (event: Event, context: Context) => Promise<Result>;

interface Otherwise<Event, Result> {
  /** What it answers where another region is home, instead of doing anything; it works in every region unless given. */
  readonly elsewhere?: Result;
  /** What it answers when there is no Wadi, since nobody is home, say; it rejects unless given. */
  readonly unopened?: (error: unknown, event: Event) => Result;
}

/**
 * A handler as Lambda calls it. Its Wadi is opened by the first event and serves all that follow; in a cluster of eventual consistency,
 * until another region is home.
 */
export function opened<Event, Result>(
  createHandler: (wadi: Wadi) => Handler<Event, Result>,
  { objects, queue, ...parts }: FunctionParts,
  { elsewhere, unopened }: Otherwise<Event, Result> = {},
) {
  let serving: Serving<Handler<Event, Result>> | undefined;

  function serve(): Serving<Handler<Event, Result>> {
    const settings = lambdaSettings();
    if (settings.consistency === 'eventual') {
      return homesOf(copiesOf(settings), (tables) => open(settings, tables));
    }
    return once(() => open(settings, { tables: awsTables(settings) }));
  }

  async function open(settings: LambdaSettings, { tables, arrived, home }: Tables) {
    const { clusterId, queueUrl, authorizer, region: local, regions } = settings;
    if (home) logger.info('home', { epoch: home.epoch, home: home.home });
    if (home && home.home !== local && elsewhere !== undefined) return async () => elsewhere;
    const wadi = await composeWadi(parts, {
      storage: { ...tables, objects: objects?.(settings) as ObjectStore, close: async () => undefined },
      clock: systemClock,
      authorizer,
      ...(arrived && { arrived }),
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
      let handler: Handler<Event, Result>;
      try {
        serving ??= serve();
        handler = await serving.current();
      } catch (error) {
        if (unopened === undefined) throw error;
        return unopened(error, event);
      }
      const result = await handler(event, context);
      await serving.settled?.();
      return result;
    });
}

type Serving<T> = Pick<ServingHomes<T>, 'current'> & Partial<ServingHomes<T>>;

/** It is opened once, unless that fails. */
function once<T>(open: () => Promise<T>): Serving<T> {
  let opened: Promise<T> | undefined;
  return {
    current() {
      opened ??= open().catch((error) => {
        opened = undefined;
        throw error;
      });
      return opened;
    },
  };
}
