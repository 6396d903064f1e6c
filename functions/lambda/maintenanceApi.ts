import { createAcls } from '../../lib/acl/acls.ts';
import { sqsQueue } from '../../lib/queue/sqs.ts';
import { createTopics } from '../../lib/topic/topics.ts';
import { createHandler } from '../maintenanceApi.ts';
import { onLambda } from './http.ts';

export const handler = onLambda(createHandler, { topics: createTopics, acls: createAcls, queue: sqsQueue });
