import { createAcls } from '../../lib/acl/acls.ts';
import { createLog } from '../../lib/log/createLog.ts';
import { createTopics } from '../../lib/topic/topics.ts';
import { createHandler } from '../streamsApi.ts';
import { onLambda } from './http.ts';

export const handler = onLambda(createHandler, {
  log: createLog,
  topics: createTopics,
  acls: createAcls,
});
