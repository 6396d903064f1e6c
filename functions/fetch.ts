import { fetchOperations } from '../lib/rest/records/operations.ts';
import { handlerOf } from './handler.ts';
import { onLambda } from './lambda.ts';

export const operations = fetchOperations;
export const createHandler = handlerOf(operations);
export const handler = onLambda(createHandler);
