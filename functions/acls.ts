import { aclOperations } from '../lib/rest/v3/acls.ts';
import { handlerOf } from './handler.ts';
import { onLambda } from './lambda.ts';

export const operations = aclOperations;
export const createHandler = handlerOf(operations);
export const handler = onLambda(createHandler);
