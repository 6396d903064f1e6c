import { maintenanceOperations } from '../lib/rest/v3/maintenanceRuns.ts';
import { handlerOf } from './handler.ts';

export const operations = maintenanceOperations;
export const createHandler = handlerOf(operations);
