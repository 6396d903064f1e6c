import { consumerOperations } from '../lib/rest/consumers/operations.ts';
import { handlerOf } from './handler.ts';

export const operations = consumerOperations;
export const createHandler = handlerOf(operations);
