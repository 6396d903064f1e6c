import * as Type from '@sinclair/typebox/type';
import { WadiError } from '../../errors.ts';
import { queryParameter } from '../request.ts';

/** Kafka's `acks`. With 0 nobody waits for the append, or hears that it failed. */
export type Acks = 0 | 1 | 'all';

const ACKS: ReadonlyMap<string, Acks> = new Map<string, Acks>([
  ['0', 0],
  ['1', 1],
  ['all', 'all'],
  ['-1', 'all'],
]);

/** Of every operation that produces. */
export const AcksQuery = Type.Object({
  acks: Type.Optional(
    Type.String({
      enum: [...ACKS.keys()],
      default: 'all',
      description:
        '0: answer at once, with offset -1, and never tell a failure. 1: once the records are durable in one region. all, or -1: once they are in every region in sync, min.insync.replicas at least; of a cluster of one region the same as 1.',
    }),
  ),
});

export function readAcks(query: URLSearchParams): Acks {
  const acks = ACKS.get(queryParameter(query, 'acks') ?? 'all');
  if (acks !== undefined) return acks;
  throw new WadiError('INVALID_REQUIRED_ACKS', 'acks must be 0, 1, all or -1.', { field: 'acks' });
}
