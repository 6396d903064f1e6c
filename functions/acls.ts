import { aclOperations } from '../lib/rest/v3/acls.ts';
import { quotaOperations } from '../lib/rest/v3/quotas.ts';
import { handlerOf } from './handler.ts';

export const operations = [...aclOperations, ...quotaOperations];
export const createHandler = handlerOf(operations);
