import { Dashboard, GraphWidget, type IMetric, TextWidget } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { clusterMetrics } from './clusterMetrics.ts';
import type { WadiCluster } from './wadiCluster.ts';

export interface WadiDashboardProps {
  readonly cluster: WadiCluster;
}

/** The cluster at a glance: what callers see, what functions and tables do about it, and how maintenance keeps up. */
export class WadiDashboard extends Construct {
  constructor(scope: Construct, id: string, { cluster }: WadiDashboardProps) {
    super(scope, id);
    const metrics = clusterMetrics(cluster);
    const { functions, tables } = metrics;
    const dashboard = new Dashboard(this, 'Dashboard');
    const rows: Readonly<Record<string, readonly GraphWidget[]>> = {
      'What callers see': [
        graph('Requests a minute', [metrics.requests, metrics.clientErrors, metrics.serverErrors]),
        graph('Answered after, ms (long polls wait up to 20 s)', metrics.latencies),
        graph('Appends take, ms', [metrics.appendLatency]),
      ],
      Functions: [
        graph(
          'At work at once',
          functions.map(({ concurrency }) => concurrency),
        ),
        graph(
          'Errors and throttles',
          functions.flatMap(({ name, errors, throttles }) => [
            errors.with({ label: `${name} errors` }),
            throttles.with({ label: `${name} throttles` }),
          ]),
        ),
        graph(
          'Take, p99, ms',
          functions.map(({ duration }) => duration),
        ),
      ],
      Tables: [
        graph(
          'Units in 5 minutes',
          tables.flatMap(({ read, written }) => [read, written]),
        ),
        graph(
          'Throttled',
          tables.map(({ throttled }) => throttled),
        ),
        graph(
          'Errors of DynamoDB',
          tables.map(({ systemErrors }) => systemErrors),
        ),
      ],
      Maintenance: [
        graph('Waits to be merged: oldest, ms', [metrics.unmergedAge], [metrics.unmergedBytes]),
        graph('Garbage: due for, ms', [metrics.floorLag], [metrics.bytesWritten, metrics.bytesReclaimed]),
        graph('Queue', [metrics.oldestMessage], [metrics.deadLetters, metrics.topicsFailed]),
      ],
    };
    for (const [title, widgets] of Object.entries(rows)) {
      dashboard.addWidgets(new TextWidget({ markdown: `# ${title}`, width: 24, height: 1 }));
      dashboard.addWidgets(...widgets);
    }
  }
}

function graph(title: string, left: readonly IMetric[], right: readonly IMetric[] = []): GraphWidget {
  return new GraphWidget({ title, left: [...left], right: [...right], width: 8, height: 6 });
}
