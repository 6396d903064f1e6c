import { MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Gauges } from '../../lib/maintenance/units.ts';
import type { Worked } from '../../lib/maintenance/worker.ts';
import { logger, metrics } from './telemetry.ts';

type Unit = (typeof MetricUnit)[keyof typeof MetricUnit];

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
  regionsOut: ['RegionsOut', MetricUnit.Count],
  regionsJoined: ['RegionsJoined', MetricUnit.Count],
  objectsCopied: ['ObjectsCopied', MetricUnit.Count],
  bytesCopied: ['BytesCopied', MetricUnit.Bytes],
};

const GAUGED: Readonly<Record<keyof Gauges, readonly [name: string, unit: Unit]>> = {
  unmergedBytes: ['UnmergedBytes', MetricUnit.Bytes],
  oldestUnmergedAgeMs: ['OldestUnmergedAge', MetricUnit.Milliseconds],
  floorLagMs: ['FloorLag', MetricUnit.Milliseconds],
};

/**
 * One line of JSON that says what was done, and one in CloudWatch's embedded metric format, of which CloudWatch makes metrics:
 * backlogs are of one head or topic each, so their maximum tells.
 */
export function reportMetrics(worked: Worked): void {
  logger.info('maintenance', { ...worked });
  const { counts, gauges, tookMs } = worked;
  // Another's run, which he tells of.
  if (worked.outcome === 'held') return;
  metrics.addMetric('Runs', MetricUnit.Count, 1);
  metrics.addMetric('RunTime', MetricUnit.Milliseconds, tookMs);
  for (const [count, [name, unit]] of Object.entries(COUNTED)) {
    const value = counts[count];
    if (value !== undefined) metrics.addMetric(name, unit, value);
  }
  for (const [gauge, [name, unit]] of Object.entries(GAUGED)) {
    const value = gauges?.[gauge as keyof Gauges];
    if (value !== undefined) metrics.addMetric(name, unit, value);
  }
  metrics.publishStoredMetrics();
}
