import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { createLog } from '../../lib/log/createLog.ts';
import { createReplication } from '../../lib/replication/replication.ts';
import { functionName } from '../../lib/settings.ts';
import { awsObjects } from '../../lib/storage/aws/aws.ts';
import { applicationOf } from '../../lib/streams/registry/applicationOf.ts';
import type { WorkerRun } from '../../lib/streams/runtime/worker.ts';
import { createTopics } from '../../lib/topic/topics.ts';
import { createHandler } from '../streams.ts';
import { opened } from './open.ts';
import { logger, metrics } from './telemetry.ts';

/** The handler of the function that is made for an application: cdk/bundle puts its module and this together. */
export function handlerOf(exported: unknown) {
  const application = applicationOf(exported, 'The module of a streams application');
  const name = functionName();
  const reports = { report: reportRun, reportLag };
  return opened(
    (wadi) => createHandler(wadi, { application, ...reports, ...(name && { functionName: name }) }),
    { objects: awsObjects, replication: createReplication, log: createLog, topics: createTopics },
    { elsewhere: NOTHING },
  );
}

const NOTHING: WorkerRun = { records: 0, steps: 0, restored: 0, left: 0, failed: 0 };

/** Counts that become metrics, where there is something to count. */
const COUNTED: Partial<Record<keyof WorkerRun, string>> = {
  records: 'StreamsRecords',
  steps: 'StreamsSteps',
  restored: 'StreamsRestored',
  failed: 'StreamsTasksFailed',
};

/** Of one that did nothing there is nothing to tell: most are so. */
function reportRun(run: WorkerRun): void {
  const counted = Object.entries(COUNTED).filter(([count]) => run[count as keyof WorkerRun] > 0);
  if (counted.length === 0) return;
  logger.info('streams', { ...run });
  for (const [count, name] of counted)
    metrics.addMetric(name, MetricUnit.Count, run[count as keyof WorkerRun]);
  metrics.publishStoredMetrics();
}

function reportLag(records: number): void {
  metrics.addMetric('StreamsLag', MetricUnit.Count, records);
  metrics.publishStoredMetrics();
}
