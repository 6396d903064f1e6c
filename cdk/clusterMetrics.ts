import { Duration, Stack } from 'aws-cdk-lib';
import { MathExpression, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { Operation } from 'aws-cdk-lib/aws-dynamodb';
import { LAG, MAINTENANCE } from '../functions/manifest.ts';
import { ruleTo } from './clusterRegions.ts';
import type { WadiCluster } from './wadiCluster.ts';
import type { WadiFunction } from './wadiFunction.ts';
import { TABLES } from './wadiStorage.ts';

const MINUTE = Duration.minutes(1);
const FIVE_MINUTES = Duration.minutes(5);

export type ClusterMetrics = ReturnType<typeof clusterMetrics>;

/** What a function tells beside its answers. */
export function toldMetric(
  cluster: string,
  dimensions: Readonly<Record<string, string>>,
  metricName: string,
  statistic: string,
): Metric {
  return new Metric({
    namespace: 'Wadi',
    metricName,
    dimensionsMap: { cluster, ...dimensions },
    statistic,
    period: FIVE_MINUTES,
  });
}

/** Of streams applications: each tells by the name of its function. */
export function streamsMetrics({ clusterId }: Pick<WadiCluster, 'clusterId'>) {
  const ofAll = (metricName: string, statistic = 'Sum') =>
    new MathExpression({
      expression: `SEARCH('{Wadi,cluster,service} cluster="${clusterId}" MetricName="${metricName}"', '${statistic}', ${FIVE_MINUTES.toSeconds()})`,
      period: FIVE_MINUTES,
    });
  return {
    records: ofAll('StreamsRecords'),
    lag: ofAll('StreamsLag', 'Maximum'),
    restored: ofAll('StreamsRestored'),
    failed: ofAll('StreamsTasksFailed'),
  };
}

export type FunctionMetrics = ReturnType<typeof functionMetrics>;

export function functionMetrics(name: string, { function: lambda }: WadiFunction) {
  return {
    name,
    errors: lambda.metricErrors({ statistic: Stats.SUM, period: FIVE_MINUTES }),
    throttles: lambda.metricThrottles({ statistic: Stats.SUM, period: FIVE_MINUTES }),
    duration: lambda.metricDuration({ statistic: Stats.p(99), period: FIVE_MINUTES }),
    invocations: lambda.metricInvocations({ statistic: Stats.SUM, period: FIVE_MINUTES }),
    concurrency: lambda.metric('ConcurrentExecutions', {
      statistic: Stats.MAXIMUM,
      period: FIVE_MINUTES,
    }),
  };
}

/** What dashboard and alarms look at; without labels, with which an alarm's metric is taken for a computation. */
export function clusterMetrics({ api, maintenance, lag, storage, clusterId }: WadiCluster) {
  const told = (dimensions: Readonly<Record<string, string>>, metricName: string, statistic: string) =>
    toldMetric(clusterId, dimensions, metricName, statistic);
  const ofWork = (metricName: string, statistic: string) =>
    told({ service: MAINTENANCE.name }, metricName, statistic);
  const ofGroup = (group: string, metricName: string) =>
    told({ service: LAG.name, group }, metricName, Stats.MAXIMUM);
  /** What route and function told, of all together. */
  const ofRoutes = (metricName: string, statistic: string, period: Duration) =>
    `SEARCH('{Wadi,cluster,route,service} cluster="${clusterId}" MetricName="${metricName}"', '${statistic}', ${period.toSeconds()})`;
  const functions = [
    ...api.functions,
    ['planner', maintenance.planner] as const,
    ['maintenance', maintenance.worker] as const,
    ...(lag ? [[LAG.name, lag.measurer] as const] : []),
  ].map(([name, of]) => functionMetrics(name, of));
  const byName = (wanted: string) => functions.find(({ name }) => name === wanted)!;

  const tables = TABLES.map((name) => {
    const table = storage[name];
    const sum = (metricName: string) =>
      table.metric(metricName, { statistic: Stats.SUM, period: FIVE_MINUTES });
    return {
      name,
      throttled: total(`${name} throttled`, [sum('ReadThrottleEvents'), sum('WriteThrottleEvents')]),
      systemErrors: total(
        `${name} system errors`,
        OPERATIONS.map((operation) =>
          table.metric('SystemErrors', {
            statistic: Stats.SUM,
            period: FIVE_MINUTES,
            dimensionsMap: { TableName: table.tableName, Operation: operation },
          }),
        ),
      ),
      read: sum('ConsumedReadCapacityUnits'),
      written: sum('ConsumedWriteCapacityUnits'),
    };
  });

  const appendsFailed = told({ service: 'produce' }, 'AppendsFailed', Stats.SUM).with({ period: MINUTE });
  const requests = api.metrics.metricCount({ statistic: Stats.SUM, period: MINUTE });
  const serverErrors = api.metrics.metricServerError({ statistic: Stats.SUM, period: MINUTE });
  return {
    requests,
    serverErrors,
    clientErrors: api.metrics.metricClientError({ statistic: Stats.SUM, period: MINUTE }),
    serverErrorPercent: new MathExpression({
      expression: '100 * errors / requests',
      usingMetrics: { errors: serverErrors, requests },
      period: MINUTE,
    }),
    latencyMedian: api.metrics.metricLatency({ statistic: Stats.p(50), period: MINUTE }),
    latencyP99: api.metrics.metricLatency({ statistic: Stats.p(99), period: MINUTE }),
    appendLatency: byName('produce').duration.with({ period: MINUTE }),
    /** How often a head is updated for an append: 1, but where many processes append to one head. */
    appendAttempts: new MathExpression({
      expression: ofRoutes('AppendAttempts', 'Average', FIVE_MINUTES),
      period: FIVE_MINUTES,
    }),
    appendsFailed: appendsFailed.with({ statistic: Stats.SUM }),
    /** Of requests to append, those of which some append failed by no fault of theirs: each tells once, however many it has. */
    appendErrorPercent: new MathExpression({
      expression: '100 * FILL(failed, 0) / requests',
      usingMetrics: {
        failed: appendsFailed.with({ statistic: Stats.SAMPLE_COUNT }),
        requests: byName('produce').invocations.with({ period: MINUTE }),
      },
      period: MINUTE,
    }),
    /** What else is 4xx was refused by API Gateway, before any function. */
    clientErrorsOfFunctions: new MathExpression({
      expression: `SUM(${ofRoutes('Status4xx', 'Sum', MINUTE)})`,
      period: MINUTE,
    }),
    functions,
    plannerInvocations: byName('planner').invocations,
    tables,
    deadLetters: maintenance.deadLetters.metricApproximateNumberOfMessagesVisible({
      statistic: Stats.MAXIMUM,
      period: FIVE_MINUTES,
    }),
    oldestMessage: maintenance.queue.metricApproximateAgeOfOldestMessage({
      statistic: Stats.MAXIMUM,
      period: FIVE_MINUTES,
    }),
    unmergedAge: ofWork('OldestUnmergedAge', Stats.MAXIMUM),
    unmergedBytes: ofWork('UnmergedBytes', Stats.MAXIMUM),
    floorLag: ofWork('FloorLag', Stats.MAXIMUM),
    topicsFailed: ofWork('TopicsFailed', Stats.SUM),
    bytesWritten: ofWork('BytesWritten', Stats.SUM),
    bytesReclaimed: ofWork('BytesReclaimed', Stats.SUM),
    consumerLags: (lag?.groups ?? []).map((group) => ({
      group,
      lag: ofGroup(group, 'ConsumerLag'),
      maxLag: ofGroup(group, 'ConsumerLagMax'),
    })),
    regionsOut: ofWork('RegionsOut', Stats.MAXIMUM),
    regionsJoined: ofWork('RegionsJoined', Stats.SUM),
    objectsCopied: ofWork('ObjectsCopied', Stats.SUM),
    bytesCopied: ofWork('BytesCopied', Stats.SUM),
    /** Of eventual consistency: how long items of this region's tables take to the others', ms. DynamoDB tells it where they come from. */
    otherCopies: storage.otherCopies.map(({ region }) => ({
      name: region,
      lag: most(
        `to_${region.replaceAll('-', '_')}`,
        TABLES.map((name) =>
          storage[name].metric('ReplicationLatency', {
            statistic: Stats.AVERAGE,
            period: FIVE_MINUTES,
            dimensionsMap: { TableName: storage[name].tableName, ReceivingRegion: region },
          }),
        ),
      ),
    })),
    /** What S3 tells in this region of its replication to and from each of the others. */
    otherRegions: storage.otherRegions.map(({ region, bucketName }) => {
      const own = storage.objects.bucketName;
      const ownRegion = Stack.of(storage).region;
      return {
        name: region,
        // Failures are told where an object comes from, the rest where it goes.
        failed: ofReplication('OperationsFailedReplication', Stats.SUM, own, bucketName, region),
        latency: ofReplication('ReplicationLatency', Stats.MAXIMUM, bucketName, own, ownRegion),
        pending: ofReplication('OperationsPendingReplication', Stats.MAXIMUM, bucketName, own, ownRegion),
      };
    }),
  };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/repl-metrics.html */
function ofReplication(metricName: string, statistic: string, from: string, to: string, toRegion: string) {
  return new Metric({
    namespace: 'AWS/S3',
    metricName,
    dimensionsMap: { SourceBucket: from, DestinationBucket: to, RuleId: ruleTo(toRegion) },
    statistic,
    period: FIVE_MINUTES,
  });
}

/** The calls that `lib/storage/aws/items.ts` makes. */
const OPERATIONS = [
  Operation.GET_ITEM,
  Operation.BATCH_GET_ITEM,
  Operation.QUERY,
  Operation.PUT_ITEM,
  Operation.UPDATE_ITEM,
  Operation.DELETE_ITEM,
];

function total(name: string, metrics: readonly Metric[]): MathExpression {
  return combined(name.replaceAll(' ', '_'), metrics, (terms) => terms.join(' + '));
}

function most(id: string, metrics: readonly Metric[]): MathExpression {
  return combined(id, metrics, (terms) => `MAX([${terms}])`);
}

/** @param id to differ between the computations of a graph */
function combined(
  id: string,
  metrics: readonly Metric[],
  computed: (terms: readonly string[]) => string,
): MathExpression {
  const usingMetrics = Object.fromEntries(metrics.map((metric, i) => [`${id}_${i}`, metric]));
  // A metric that was never written has no value, and would make the result have none.
  const terms = Object.keys(usingMetrics).map((name) => `FILL(${name}, 0)`);
  return new MathExpression({ expression: computed(terms), usingMetrics, period: FIVE_MINUTES });
}
