import {
  Dashboard,
  GraphWidget,
  type MathExpression,
  type Metric,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { clusterMetrics, streamsMetrics } from './clusterMetrics.ts';
import type { WadiCluster } from './wadiCluster.ts';

export interface WadiDashboardProps {
  readonly cluster: WadiCluster;
}

/** The cluster at a glance: what callers see, what functions and tables do about it, and how maintenance keeps up. */
export class WadiDashboard extends Construct {
  private readonly dashboard: Dashboard;
  private readonly cluster: WadiCluster;
  private showsStreams = false;

  constructor(scope: Construct, id: string, { cluster }: WadiDashboardProps) {
    super(scope, id);
    this.cluster = cluster;
    const metrics = clusterMetrics(cluster);
    const { functions, tables, consumerLags, otherRegions, otherCopies } = metrics;
    this.dashboard = new Dashboard(this, 'Dashboard');
    /** A line for each, named as its function or table. */
    const each = <T extends { readonly name: string }>(
      of: readonly T[],
      ...lines: readonly [label: string, metric: (one: T) => Line][]
    ) =>
      Object.fromEntries(
        of.flatMap((one) => lines.map(([label, metric]) => [`${one.name}${label}`, metric(one)])),
      );
    const rows: Readonly<Record<string, readonly GraphWidget[]>> = {
      'What callers see': [
        graph('Requests a minute', {
          requests: metrics.requests,
          '4xx': metrics.clientErrors,
          '4xx of functions': metrics.clientErrorsOfFunctions,
          '5xx': metrics.serverErrors,
        }),
        graph('Answered after, ms (long polls wait up to 20 s)', {
          median: metrics.latencyMedian,
          p99: metrics.latencyP99,
        }),
        graph(
          'Appends',
          { 'p99, ms': metrics.appendLatency },
          { attempts: metrics.appendAttempts, failed: metrics.appendsFailed },
        ),
      ],
      Functions: [
        graph('At work at once', each(functions, ['', ({ concurrency }) => concurrency])),
        graph(
          'Errors and throttles',
          each(functions, [' errors', ({ errors }) => errors], [' throttles', ({ throttles }) => throttles]),
        ),
        graph('Take, p99, ms', each(functions, ['', ({ duration }) => duration])),
      ],
      Tables: [
        graph(
          'Units in 5 minutes',
          each(tables, [' read', ({ read }) => read], [' write', ({ written }) => written]),
        ),
        graph('Throttled', each(tables, ['', ({ throttled }) => throttled])),
        graph('Errors of DynamoDB', each(tables, ['', ({ systemErrors }) => systemErrors])),
      ],
      Maintenance: [
        graph(
          'Waits to be merged',
          { 'oldest, ms': metrics.unmergedAge },
          { 'most, bytes': metrics.unmergedBytes },
        ),
        graph(
          'Garbage',
          { 'due for, ms': metrics.floorLag },
          { 'bytes written': metrics.bytesWritten, 'bytes reclaimed': metrics.bytesReclaimed },
        ),
        graph(
          'Queue',
          { 'oldest message, s': metrics.oldestMessage },
          { 'dead letters': metrics.deadLetters, 'topics failed': metrics.topicsFailed },
        ),
      ],
      ...(otherRegions.length > 0 && {
        Regions: [
          graph(
            'Out of sync',
            { regions: metrics.regionsOut },
            { 'came back': metrics.regionsJoined, 'objects copied': metrics.objectsCopied },
          ),
          graph(
            'Replication by S3, s',
            each(otherRegions, [' to here', ({ latency }) => latency]),
            each(otherRegions, [' to here, waiting', ({ pending }) => pending]),
          ),
          graph('Given up by S3', each(otherRegions, ['', ({ failed }) => failed]), {
            'bytes copied by maintenance': metrics.bytesCopied,
          }),
        ],
      }),
      ...(otherCopies.length > 0 && {
        'Copies of the tables': [graph('Items take, ms', each(otherCopies, ['', ({ lag }) => lag]))],
      }),
      ...(consumerLags.length > 0 && {
        'Consumer groups': [
          graph('Behind, records', Object.fromEntries(consumerLags.map(({ group, lag }) => [group, lag]))),
          graph(
            'Behind in one partition at most, records',
            Object.fromEntries(consumerLags.map(({ group, maxLag }) => [group, maxLag])),
          ),
        ],
      }),
    };
    for (const [title, widgets] of Object.entries(rows)) this.addRow(title, widgets);
  }

  /** A row of streams applications, for all that there are; once. */
  showStreams(): void {
    if (this.showsStreams) return;
    this.showsStreams = true;
    const { records, lag, restored, failed } = streamsMetrics(this.cluster);
    this.addRow('Streams applications', [
      graph('Records in 5 minutes', { '': records }),
      graph('Behind, records', { '': lag }),
      graph('Restored records, and failures of tasks', { restored }, { failed }),
    ]);
  }

  private addRow(title: string, widgets: readonly GraphWidget[]): void {
    this.dashboard.addWidgets(new TextWidget({ markdown: `# ${title}`, width: 24, height: 1 }));
    this.dashboard.addWidgets(...widgets);
  }
}

type Line = Metric | MathExpression;
type Lines = Readonly<Record<string, Line>>;

function graph(title: string, left: Lines, right: Lines = {}): GraphWidget {
  const labelled = (lines: Lines) => Object.entries(lines).map(([label, metric]) => metric.with({ label }));
  return new GraphWidget({ title, left: labelled(left), right: labelled(right), width: 8, height: 6 });
}
