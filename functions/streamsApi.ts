import { streamsOperations } from '../lib/rest/v3/streams.ts';
import { streamsLagOperations } from '../lib/rest/v3/streamsLags.ts';
import { streamsQueryOperations } from '../lib/rest/v3/streamsQueries.ts';
import { streamsStoreOperations } from '../lib/rest/v3/streamsStores.ts';
import { streamsTaskOperations } from '../lib/rest/v3/streamsTasks.ts';
import { handlerOf } from './handler.ts';

export const operations = [
  ...streamsOperations,
  ...streamsTaskOperations,
  ...streamsLagOperations,
  ...streamsStoreOperations,
  ...streamsQueryOperations,
];
export const createHandler = handlerOf(operations);
