import { createAcls } from '../../lib/acl/acls.ts';
import { createGroups } from '../../lib/group/createGroups.ts';
import { createLog } from '../../lib/log/createLog.ts';
import { sqsQueue } from '../../lib/queue/sqs.ts';
import { createReplication } from '../../lib/replication/replication.ts';
import { awsObjects } from '../../lib/storage/aws/aws.ts';
import { createTopics } from '../../lib/topic/topics.ts';
import { createHandler } from '../maintenance.ts';
import { opened } from './open.ts';
import { reportMetrics } from './workMetrics.ts';

export const handler = opened(
  (wadi) => createHandler(wadi, { report: reportMetrics }),
  {
    objects: awsObjects,
    replication: createReplication,
    log: createLog,
    topics: createTopics,
    acls: createAcls,
    groups: createGroups,
    queue: sqsQueue,
  },
  // What is in a message is due in the tables of the region that is home, where the planner finds it.
  { elsewhere: { batchItemFailures: [] } },
);
