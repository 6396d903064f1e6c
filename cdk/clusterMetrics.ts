import { Duration } from 'aws-cdk-lib';
import { type IMetric, MathExpression, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { Operation } from 'aws-cdk-lib/aws-dynamodb';
import type { WadiCluster } from './wadiCluster.ts';
import { TABLES } from './wadiStorage.ts';

const MINUTE = Duration.minutes(1);
const FIVE_MINUTES = Duration.minutes(5);

export type ClusterMetrics = ReturnType<typeof clusterMetrics>;

/** What dashboard and alarms look at. */
export function clusterMetrics({ api, maintenance, storage }: WadiCluster) {
  const functions = [
    ...api.functions,
    ['planner', maintenance.planner] as const,
    ['maintenance', maintenance.worker] as const,
  ].map(([name, { function: lambda }]) => ({
    name,
    errors: lambda.metricErrors({ label: name, statistic: Stats.SUM, period: FIVE_MINUTES }),
    throttles: lambda.metricThrottles({ label: name, statistic: Stats.SUM, period: FIVE_MINUTES }),
    duration: lambda.metricDuration({ label: name, statistic: Stats.p(99), period: FIVE_MINUTES }),
    invocations: lambda.metricInvocations({ label: name, statistic: Stats.SUM, period: FIVE_MINUTES }),
    concurrency: lambda.metric('ConcurrentExecutions', {
      label: name,
      statistic: Stats.MAXIMUM,
      period: FIVE_MINUTES,
    }),
  }));
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
      read: sum('ConsumedReadCapacityUnits').with({ label: `${name} read units` }),
      written: sum('ConsumedWriteCapacityUnits').with({ label: `${name} write units` }),
    };
  });

  const { httpApi } = api;
  const requests = httpApi.metricCount({ label: 'requests', statistic: Stats.SUM, period: MINUTE });
  const serverErrors = httpApi.metricServerError({ label: '5xx', statistic: Stats.SUM, period: MINUTE });
  return {
    requests,
    serverErrors,
    clientErrors: httpApi.metricClientError({ label: '4xx', statistic: Stats.SUM, period: MINUTE }),
    serverErrorPercent: new MathExpression({
      label: '5xx of all requests, %',
      expression: '100 * errors / requests',
      usingMetrics: { errors: serverErrors, requests },
      period: MINUTE,
    }),
    latencies: [50, 99].map((percent) =>
      httpApi.metricLatency({ label: `p${percent}`, statistic: Stats.p(percent), period: MINUTE }),
    ),
    appendLatency: byName('produce').duration.with({ period: MINUTE, label: 'append, p99' }),
    functions,
    plannerInvocations: byName('planner').invocations,
    tables,
    deadLetters: maintenance.deadLetters.metricApproximateNumberOfMessagesVisible({
      label: 'dead letters',
      statistic: Stats.MAXIMUM,
      period: FIVE_MINUTES,
    }),
    oldestMessage: maintenance.queue.metricApproximateAgeOfOldestMessage({
      label: 'oldest message, s',
      statistic: Stats.MAXIMUM,
      period: FIVE_MINUTES,
    }),
    unmergedAge: ofWork('OldestUnmergedAge', Stats.MAXIMUM),
    unmergedBytes: ofWork('UnmergedBytes', Stats.MAXIMUM),
    floorLag: ofWork('FloorLag', Stats.MAXIMUM),
    topicsFailed: ofWork('TopicsFailed', Stats.SUM),
    bytesWritten: ofWork('BytesWritten', Stats.SUM),
    bytesReclaimed: ofWork('BytesReclaimed', Stats.SUM),
  };
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

function total(label: string, metrics: readonly Metric[]): IMetric {
  // Ids are to differ between the sums of a graph.
  const id = label.replaceAll(' ', '_');
  const usingMetrics = Object.fromEntries(metrics.map((metric, i) => [`${id}_${i}`, metric]));
  // A metric that was never written has no value, and would make the sum have none.
  const expression = Object.keys(usingMetrics).map((name) => `FILL(${name}, 0)`);
  return new MathExpression({
    label,
    expression: expression.join(' + '),
    usingMetrics,
    period: FIVE_MINUTES,
  });
}

/** What the worker tells of maintenance. Clusters of one account and region share these metrics. */
function ofWork(metricName: string, statistic: string): Metric {
  return new Metric({
    namespace: 'Wadi',
    metricName,
    dimensionsMap: { service: 'maintenance' },
    statistic,
    period: FIVE_MINUTES,
    label: metricName,
  });
}
