import { fetchRecords } from '../lib/rest/records/fetchRecords.ts';
import { handlerOf } from './handler.ts';

export const operations = [fetchRecords];
export const createHandler = handlerOf(operations);
