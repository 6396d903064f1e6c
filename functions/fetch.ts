import { fetchOperations } from '../lib/rest/records/operations.ts';
import { handlerOf } from './handler.ts';

export const operations = fetchOperations;
export const createHandler = handlerOf(operations);
