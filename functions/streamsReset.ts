import { streamsResetOperations } from '../lib/rest/v3/streamsReset.ts';
import { handlerOf } from './handler.ts';

export const operations = streamsResetOperations;
export const createHandler = handlerOf(operations);
