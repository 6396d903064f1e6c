import { maintenanceOperations } from '../lib/rest/v3/maintenanceRuns.ts';
import { handlerOf } from './handler.ts';
import { onLambda } from './lambda.ts';
import { openQueue } from './queue.ts';

export const operations = maintenanceOperations;
export const createHandler = handlerOf(operations);
export const handler = onLambda(createHandler, openQueue);
