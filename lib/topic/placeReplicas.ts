import { WadiError } from '../errors.ts';
import { type InSync, stateOf } from '../replication/inSync.ts';
import type { Replication } from '../replication/replication.ts';

/** Without regions a factor is accepted, and changes nothing: S3 and DynamoDB keep copies in three zones. */
const MAX_FACTOR_IN_ONE_REGION = 3;

export interface Placed {
  /** Names of regions; `undefined`: all, also those that are added later. */
  readonly replicas: readonly string[] | undefined;
  /** What a topic has that does not say: one region may be lost, and writes go on. */
  readonly minInsyncReplicas: number;
}

/**
 * Which regions are to have a new topic's records: the one that it is created in, and those after it in the order of the configuration, and
 * round; those that are in sync before those that are not. Throws INVALID_REPLICATION_FACTOR.
 */
export function placeReplicas(
  replication: Pick<Replication, 'regions' | 'local'> | undefined,
  factor: number | undefined,
  inSync: InSync | undefined,
): Placed {
  const most = replication?.regions.length ?? MAX_FACTOR_IN_ONE_REGION;
  if (factor !== undefined && (factor < 1 || factor > most)) {
    throw new WadiError(
      'INVALID_REPLICATION_FACTOR',
      `Replication factor: ${factor} is not from 1 to ${most}.`,
      { field: 'replication_factor' },
    );
  }
  if (replication === undefined) return { replicas: undefined, minInsyncReplicas: 1 };
  const { regions, local } = replication;
  const count = factor ?? most;
  const minInsyncReplicas = Math.max(1, Math.min(2, count - 1));
  if (count === most) return { replicas: undefined, minInsyncReplicas };
  const first = regions.indexOf(local);
  const names = regions.map((_, i) => regions[(first + i) % most]!.name);
  const isInSync = (name: string) => inSync === undefined || stateOf(inSync, name) === 'in-sync';
  const ready = names.filter(isInSync);
  const others = names.filter((name) => !isInSync(name));
  const replicas = [...ready, ...others].slice(0, count);
  return { replicas, minInsyncReplicas };
}
