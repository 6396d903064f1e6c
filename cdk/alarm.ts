import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { FunctionMetrics } from './clusterMetrics.ts';

export interface AlarmOptions {
  /** Is told when an alarm goes off, and when it is over. Nobody unless given. */
  readonly alarmTopic?: ITopic;
  /** Where the runbook is that alarms point into; unless given, cdk/README.md of this repository. */
  readonly runbookUrl?: string;
}

export interface AlarmSpec {
  /** Of the alarm; and its paragraph in the runbook is `Alarm: <its words>`. */
  readonly id: string;
  /** Of several of a kind: which. */
  readonly of?: string;
  /** What has happened. */
  readonly text: string;
  readonly metric: IMetric;
  readonly threshold: number;
  /** `above` unless given. */
  readonly when?: 'above' | 'below';
  /** So many of so many periods in a row; 1 of 1 unless given. */
  readonly periods?: readonly [bad: number, of: number];
  /** Whether it is bad if nothing is measured. */
  readonly missingIsBad?: boolean;
  /** Whether too few measurements for a percentile are left aside. */
  readonly ignoreFew?: boolean;
}

export function addAlarm(
  scope: Construct,
  spec: AlarmSpec,
  { alarmTopic, runbookUrl = 'cdk/README.md' }: AlarmOptions,
): void {
  const [datapointsToAlarm, evaluationPeriods] = spec.periods ?? [1, 1];
  const alarm = new Alarm(scope, spec.id + (spec.of ?? ''), {
    alarmDescription: `Wadi: ${spec.text}. What to do: ${runbookUrl}#${paragraphOf(spec.id)}`,
    metric: spec.metric,
    threshold: spec.threshold,
    comparisonOperator:
      spec.when === 'below'
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_THRESHOLD,
    datapointsToAlarm,
    evaluationPeriods,
    treatMissingData: spec.missingIsBad ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    ...(spec.ignoreFew && { evaluateLowSampleCountPercentile: 'ignore' }),
  });
  if (alarmTopic === undefined) return;
  const action = new SnsAction(alarmTopic);
  alarm.addAlarmAction(action);
  alarm.addOkAction(action);
}

/** `AppendLatency` is explained at `#alarm-append-latency`. */
const paragraphOf = (id: string): string =>
  `alarm${id.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

export function functionErrors({ name, errors }: FunctionMetrics): AlarmSpec {
  return {
    id: 'FunctionErrors',
    of: name,
    text: `${name} ends without an answer: out of time or memory, or it cannot start`,
    metric: errors,
    threshold: 0,
    periods: [2, 3],
  };
}

export function functionThrottles({ name, throttles }: FunctionMetrics): AlarmSpec {
  return {
    id: 'FunctionThrottles',
    of: name,
    text: `Lambda does not start ${name}: there is no concurrency left for it`,
    metric: throttles,
    threshold: 0,
    periods: [2, 3],
  };
}
