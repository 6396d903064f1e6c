import { consumerOperations } from '../lib/rest/consumers/operations.ts';
import { handlerOf } from './handler.ts';
import { onLambda } from './lambda.ts';

export const operations = consumerOperations;
export const createHandler = handlerOf(operations);
export const handler = onLambda(createHandler);
