import { aclOperations } from '../lib/rest/v3/acls.ts';
import { handlerOf } from './handler.ts';

export const operations = aclOperations;
export const createHandler = handlerOf(operations);
