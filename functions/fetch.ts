import type { Operation } from '../lib/rest/operation.ts';
import { handlerOf } from './handler.ts';
import { onLambda } from './lambda.ts';

export const operations: readonly Operation[] = [];
export const createHandler = handlerOf(operations);
export const handler = onLambda(createHandler);
