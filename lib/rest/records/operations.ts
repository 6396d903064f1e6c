import type { Operation } from '../operation.ts';
import { produceRecordsBatch } from './produceBatch.ts';
import { produceRecords } from './produceRecords.ts';
import { produceToPartition } from './produceToPartition.ts';
import { produceV2Operations } from './produceV2.ts';

export const produceOperations: readonly Operation[] = [
  produceRecords,
  produceRecordsBatch,
  produceToPartition,
  ...produceV2Operations,
];
