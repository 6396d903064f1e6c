import type { Operation } from '../operation.ts';
import { assignmentOperations } from './assignments.ts';
import { heartbeat } from './heartbeat.ts';
import { instanceOperations } from './instances.ts';
import { offsetOperations } from './offsets.ts';
import { positionOperations } from './positions.ts';
import { pollRecords } from './records.ts';
import { subscriptionOperations } from './subscription.ts';

export const consumerOperations: readonly Operation[] = [
  ...instanceOperations,
  ...subscriptionOperations,
  ...assignmentOperations,
  ...offsetOperations,
  ...positionOperations,
  pollRecords,
  heartbeat,
];
