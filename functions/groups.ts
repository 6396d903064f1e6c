import { consumerGroupOperations } from '../lib/rest/v3/consumerGroups.ts';
import { consumerLagOperations } from '../lib/rest/v3/consumerLags.ts';
import { consumerPositionOperations } from '../lib/rest/v3/consumerPositions.ts';
import { consumerOperations } from '../lib/rest/v3/consumers.ts';
import { handlerOf } from './handler.ts';

export const operations = [
  ...consumerGroupOperations,
  ...consumerOperations,
  ...consumerLagOperations,
  ...consumerPositionOperations,
];
export const createHandler = handlerOf(operations);
