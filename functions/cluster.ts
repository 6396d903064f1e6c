import type { Operation } from '../lib/rest/operation.ts';
import { healthOperations } from '../lib/rest/service/health.ts';
import { openapiOperations } from '../lib/rest/service/openapi.ts';
import { unservedBy } from '../lib/rest/unserved.ts';
import { v2BrokerOperations } from '../lib/rest/v2/metadata.ts';
import { brokerOperations } from '../lib/rest/v3/brokers.ts';
import { clusterOperations } from '../lib/rest/v3/clusters.ts';
import { operations as aclOperations } from './acls.ts';
import { operations as consumerOperations } from './consumers.ts';
import { operations as fetchOperations } from './fetch.ts';
import { operations as groupOperations } from './groups.ts';
import { handlerOf } from './handler.ts';
import { operations as maintenanceOperations } from './maintenanceApi.ts';
import { operations as produceOperations } from './produce.ts';
import { operations as streamsOperations } from './streamsApi.ts';
import { operations as streamsResetOperations } from './streamsReset.ts';
import { operations as topicOperations } from './topics.ts';

export const operations: readonly Operation[] = [
  ...clusterOperations,
  ...brokerOperations,
  ...v2BrokerOperations,
  ...healthOperations,
  ...openapiOperations(() => allOperations),
];
export const allOperations = [
  ...produceOperations,
  ...fetchOperations,
  ...consumerOperations,
  ...groupOperations,
  ...streamsOperations,
  ...streamsResetOperations,
  ...topicOperations,
  ...maintenanceOperations,
  ...aclOperations,
  ...operations,
];
export const createHandler = handlerOf(operations, unservedBy(allOperations));
