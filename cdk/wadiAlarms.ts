import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { LAG, PLANNER } from '../functions/manifest.ts';
import { ARRIVED_LIMITS } from '../lib/failover/arrived.ts';
import { type AlarmOptions, type AlarmSpec, addAlarm, functionErrors, functionThrottles } from './alarm.ts';
import { type ClusterMetrics, clusterMetrics } from './clusterMetrics.ts';
import type { ConsumerLag } from './consumerLag.ts';
import type { WadiCluster } from './wadiCluster.ts';

export interface WadiAlarmThresholds {
  /** Requests answered by 5xx, in percent of a minute's, in 3 minutes of 5. 1 unless given. */
  readonly apiErrorPercent?: number;
  /**
   * Requests to append of which some append failed by no fault of theirs, in percent of a minute's, in 3 minutes of 5. 1 unless given. They
   * may be answered 200 or 207, record by record, or have asked not to be told (`acks=0`).
   */
  readonly appendErrorPercent?: number;
  /** The 99th percentile of what `produce` takes, in 3 minutes of 5. A second unless given. */
  readonly appendLatency?: Duration;
  /** How long records wait to be merged. Healthy are 15 minutes; an hour unless given. */
  readonly unmergedAge?: Duration;
  /** How long garbage has been due when it is collected. Healthy are minutes; an hour unless given. */
  readonly floorLag?: Duration;
  /** How long the oldest message of maintenance waits for a worker. An hour unless given. */
  readonly queueAge?: Duration;
  /** Alarms on these groups' lag, with a function that measures it. None unless given. */
  readonly consumerLag?: ConsumerLag;
}

export interface WadiAlarmsProps extends AlarmOptions {
  readonly cluster: WadiCluster;
  readonly alarmThresholds?: WadiAlarmThresholds;
}

/** Each says what has happened, and points to the paragraph of the runbook that says what to do. */
export class WadiAlarms extends Construct {
  constructor(scope: Construct, id: string, props: WadiAlarmsProps) {
    super(scope, id);
    const { cluster, alarmThresholds, ...options } = props;
    for (const spec of specs(cluster, alarmThresholds)) addAlarm(this, spec, options);
  }
}

function specs(cluster: WadiCluster, thresholds: WadiAlarmThresholds = {}): readonly AlarmSpec[] {
  const metrics = clusterMetrics(cluster);
  const { apiErrorPercent = 1, appendErrorPercent = 1, appendLatency = Duration.seconds(1) } = thresholds;
  const {
    unmergedAge = Duration.hours(1),
    floorLag = Duration.hours(1),
    queueAge = Duration.hours(1),
    consumerLag = {},
  } = thresholds;
  return [
    {
      id: 'ApiErrors',
      text: `more than ${apiErrorPercent} % of the requests fail`,
      metric: metrics.serverErrorPercent,
      threshold: apiErrorPercent,
      periods: [3, 5],
    },
    {
      id: 'AppendErrors',
      text: `appends of more than ${appendErrorPercent} % of the requests to append fail, whatever these are answered`,
      metric: metrics.appendErrorPercent,
      threshold: appendErrorPercent,
      periods: [3, 5],
    },
    {
      id: 'AppendLatency',
      text: `one append in a hundred takes longer than ${appendLatency.toMilliseconds()} ms`,
      metric: metrics.appendLatency,
      threshold: appendLatency.toMilliseconds(),
      periods: [3, 5],
      ignoreFew: true,
    },
    ...metrics.functions.flatMap((each) => [functionErrors(each), functionThrottles(each)]),
    ...metrics.tables.map(
      ({ name, throttled }): AlarmSpec => ({
        id: 'TableThrottles',
        of: name,
        text: `DynamoDB throttles the table ${name}`,
        metric: throttled,
        threshold: 0,
        periods: [2, 3],
      }),
    ),
    ...metrics.tables.map(
      ({ name, systemErrors }): AlarmSpec => ({
        id: 'TableErrors',
        of: name,
        text: `DynamoDB fails with the table ${name}`,
        metric: systemErrors,
        threshold: 0,
        periods: [2, 3],
      }),
    ),
    {
      id: 'PlannerSilent',
      text: 'the planner has not run for a quarter of an hour',
      metric: metrics.plannerInvocations,
      threshold: 1,
      when: 'below',
      periods: [PLANNER_PERIODS, PLANNER_PERIODS],
      missingIsBad: true,
    },
    {
      id: 'DeadLetters',
      text: 'work of maintenance was given up, after several tries',
      metric: metrics.deadLetters,
      threshold: 0,
    },
    {
      id: 'MaintenanceBacklog',
      text: `work of maintenance waits for longer than ${queueAge.toMinutes()} minutes`,
      metric: metrics.oldestMessage,
      threshold: queueAge.toSeconds(),
      periods: [3, 3],
    },
    {
      id: 'MaintenanceFailures',
      text: 'maintenance of some topic fails again and again',
      metric: metrics.topicsFailed,
      threshold: 0,
      periods: [3, 6],
    },
    {
      id: 'UnmergedData',
      text: `records wait for longer than ${unmergedAge.toMinutes()} minutes to be merged`,
      metric: metrics.unmergedAge,
      threshold: unmergedAge.toMilliseconds(),
      periods: [3, 6],
    },
    {
      id: 'FloorLag',
      text: `garbage was due for longer than ${floorLag.toMinutes()} minutes`,
      metric: metrics.floorLag,
      threshold: floorLag.toMilliseconds(),
      periods: [3, 6],
    },
    ...metrics.consumerLags.map(
      ({ group, lag }): AlarmSpec => ({
        id: 'ConsumerLag',
        // Ids have no slashes.
        of: encodeURIComponent(group),
        text: `the consumer group ${group} is more than ${consumerLag[group]} records behind, or was not found`,
        metric: lag,
        threshold: consumerLag[group]!,
        periods: [LAG_PERIODS, LAG_PERIODS],
        missingIsBad: true,
      }),
    ),
    ...(metrics.otherRegions.length > 0 ? replicationSpecs(metrics) : []),
    ...metrics.otherCopies.map(
      ({ name, lag }): AlarmSpec => ({
        id: 'TableLag',
        of: name,
        text: `items take longer than ${TABLE_LAG_MS} ms to ${name}: what is acknowledged meanwhile is lost with this region`,
        metric: lag,
        threshold: TABLE_LAG_MS,
        periods: [2, 3],
      }),
    ),
  ];
}

/** Of a cluster of several regions. */
function replicationSpecs({ regionsOut, otherRegions }: ClusterMetrics): readonly AlarmSpec[] {
  return [
    {
      id: 'RegionOut',
      text: 'a region is out of sync and does not come back: acks=all goes on without it',
      metric: regionsOut,
      threshold: 0,
      periods: [2, 3],
    },
    ...otherRegions.flatMap(({ name, failed, latency }): AlarmSpec[] => [
      {
        id: 'ReplicationFailures',
        of: name,
        text: `S3 has given up bringing some object to ${name}`,
        metric: failed,
        threshold: 0,
      },
      {
        id: 'ReplicationLatency',
        of: name,
        text: `objects from ${name} take longer than ${REPLICATION_TIME.toMinutes()} minutes to come`,
        metric: latency,
        threshold: REPLICATION_TIME.toSeconds(),
        periods: [3, 3],
      },
    ]),
  ];
}

/** For longer than that nobody waits until other regions have what leaves a head. */
const TABLE_LAG_MS = ARRIVED_LIMITS.waitMs;

/** What Replication Time Control promises. */
const REPLICATION_TIME = Duration.minutes(15);

/** Three of its runs, in periods of five minutes. */
const PLANNER_PERIODS = Math.ceil((3 * PLANNER.everyMinutes) / 5);
const LAG_PERIODS = Math.ceil((3 * LAG.everyMinutes) / 5);
