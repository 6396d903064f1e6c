import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Worked } from '../lib/maintenance/worker.ts';

type Unit = (typeof MetricUnit)[keyof typeof MetricUnit];

const metrics = new Metrics({ namespace: 'Wadi', serviceName: 'maintenance' });

/** Counts that become metrics, as they are named in `Counts`. */
const COUNTED: Readonly<Record<string, readonly [name: string, unit: Unit]>> = {
  recordsDeleted: ['RecordsDeleted', MetricUnit.Count],
  bytesDeleted: ['BytesDeleted', MetricUnit.Bytes],
  merges: ['Merges', MetricUnit.Count],
  bytesWritten: ['BytesWritten', MetricUnit.Bytes],
  rowsCompacted: ['SegmentsCompacted', MetricUnit.Count],
  recordsRemoved: ['RecordsCompactedAway', MetricUnit.Count],
  bytesReclaimed: ['BytesReclaimed', MetricUnit.Bytes],
  objectsReclaimed: ['ObjectsReclaimed', MetricUnit.Count],
  topicsFailed: ['TopicsFailed', MetricUnit.Count],
};

/**
 * One line of JSON that says what was done, and one in CloudWatch's embedded metric format, of which CloudWatch makes metrics:
 * backlogs are of one head each, so their maximum tells.
 */
export function reportMetrics(worked: Worked): void {
  console.log(JSON.stringify({ level: 'info', message: 'maintenance', ...worked }));
  const { counts, gauges, tookMs } = worked;
  // Another's run, which he tells of.
  if (worked.outcome === 'held') return;
  metrics.addMetric('Runs', MetricUnit.Count, 1);
  metrics.addMetric('RunTime', MetricUnit.Milliseconds, tookMs);
  for (const [count, [name, unit]] of Object.entries(COUNTED)) {
    const value = counts[count];
    if (value !== undefined) metrics.addMetric(name, unit, value);
  }
  if (gauges !== undefined) {
    metrics.addMetric('UnmergedBytes', MetricUnit.Bytes, gauges.unmergedBytes);
    metrics.addMetric('OldestUnmergedAge', MetricUnit.Milliseconds, gauges.oldestUnmergedAgeMs);
    metrics.addMetric('FloorLag', MetricUnit.Milliseconds, gauges.floorLagMs);
  }
  metrics.publishStoredMetrics();
}
