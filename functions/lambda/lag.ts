import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { createGroups } from '../../lib/group/createGroups.ts';
import { createLog } from '../../lib/log/createLog.ts';
import { lagGroups } from '../../lib/settings.ts';
import { createTopics } from '../../lib/topic/topics.ts';
import { createHandler, type GroupLag } from '../lag.ts';
import { opened } from './open.ts';
import { metrics } from './telemetry.ts';

export const handler = opened((wadi) => createHandler(wadi, { groups: lagGroups(), report: reportLag }), {
  log: createLog,
  topics: createTopics,
  groups: createGroups,
});

/** Groups are dimensions here, since the operator has named them. */
function reportLag({ groupId, lag, maxLag }: GroupLag): void {
  metrics.addDimension('group', groupId);
  metrics.addMetric('ConsumerLag', MetricUnit.Count, lag);
  metrics.addMetric('ConsumerLagMax', MetricUnit.Count, maxLag);
  metrics.publishStoredMetrics();
}
