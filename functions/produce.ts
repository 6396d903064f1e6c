import { produceOperations } from '../lib/rest/records/operations.ts';
import { handlerOf } from './handler.ts';

export const operations = produceOperations;
export const createHandler = handlerOf(operations);
