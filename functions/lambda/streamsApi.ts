import { createAcls } from '../../lib/acl/acls.ts';
import { createLog } from '../../lib/log/createLog.ts';
import { createReplication } from '../../lib/replication/replication.ts';
import { awsObjects } from '../../lib/storage/aws/aws.ts';
import { createStateStores } from '../../lib/streams/queries/stateStores.ts';
import { createTopics } from '../../lib/topic/topics.ts';
import { createHandler } from '../streamsApi.ts';
import { onLambda } from './http.ts';

export const handler = onLambda(createHandler, {
  objects: awsObjects,
  replication: createReplication,
  log: createLog,
  topics: createTopics,
  acls: createAcls,
  stateStores: createStateStores,
});
