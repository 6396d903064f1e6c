import { WadiError } from '../../lib/errors.ts';
import { asWadiError } from '../../lib/log/commit.ts';
import { StorageError } from '../../lib/storage/ports.ts';
import type { GroupCall, Rest } from '../../lib/verify/groups/history.ts';
import type { Operation, PartitionId } from '../../lib/verify/history.ts';
import type { GroupMember } from './clients/groupMember.ts';
import { answerOf, askedFor } from './narrate.ts';
import type { World } from './world.ts';

type Ended<O extends Operation> = Pick<O, 'outcome' | 'returnedAtMs'>;

/** A lookup by timestamp, which only the simulation can check: it knows every record's. */
export interface Lookup {
  readonly partition: PartitionId;
  readonly timestamp: number;
  readonly invokedAtMs: number;
  readonly returnedAtMs: number;
  readonly found: { readonly offset: number; readonly timestamp: number };
}

export interface Sighting {
  readonly name: string;
  readonly id: string;
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
}

/** What members and operators of groups did and saw. */
export interface GroupsRecorder {
  readonly calls: GroupCall[];
  readonly rests: Rest[];
  /** Those that were live when their clients ended. */
  readonly members: GroupMember[];
}

/** What the clients of a run did and saw. */
export interface Recorder {
  readonly operations: readonly Operation[];
  readonly lookups: Lookup[];
  readonly groups: GroupsRecorder;
  /** Topics that were known to be, from when on at the latest, and with how many partitions at least. */
  readonly seen: Map<
    string,
    { readonly name: string; readonly knownAtMs: number; readonly partitions: number }
  >;
  /** Each time that a name was found to be a topic's. */
  readonly sightings: Sighting[];
  /** Deletions that were asked for; `endedAtMs` is Infinity if it is not known what came of one. */
  readonly deletions: { readonly name: string; endedAtMs: number }[];
  /** That topics may have been given. */
  readonly retentions: { readonly name: string; readonly ms: number }[];
  /** Of maintenance, that were asked for. */
  readonly runs: string[];
  /** Of every value that was ever sent. */
  readonly timestamps: Map<string, number>;
  /** What must not happen, and the checker of histories would not see. */
  readonly unexpected: string[];
  /** Notes an operation as it begins; call the answer with what came of it, if anything does. */
  begin<O extends Operation>(operation: O): (ended: Ended<O>) => void;
  /** The error as a client is told of it; one that is no WadiError is a fault of ours. */
  failure(error: unknown): WadiError;
}

export function createRecorder(trace: World['trace']): Recorder {
  const operations: Operation[] = [];
  const unexpected: string[] = [];
  return {
    operations,
    unexpected,
    lookups: [],
    groups: { calls: [], rests: [], members: [] },
    seen: new Map(),
    sightings: [],
    deletions: [],
    retentions: [],
    runs: [],
    timestamps: new Map(),
    begin<O extends Operation>(operation: O) {
      const open = { ...operation };
      operations.push(open);
      trace(open.via ?? '', 'ASKED', askedFor(open));
      return (ended) => {
        Object.assign(open, ended);
        trace(open.via ?? '', 'ANSWERED', `${askedFor(open)} → ${answerOf(open)}`);
      };
    },
    failure(error) {
      if (error instanceof StorageError) return asWadiError(error);
      if (error instanceof WadiError && error.kafka !== 'UNKNOWN_SERVER_ERROR') return error;
      const { stack, cause } = error as Error;
      unexpected.push(`unexpected error: ${stack ?? error} ${cause ?? ''}`);
      return new WadiError('UNKNOWN_SERVER_ERROR', 'unexpected');
    },
  };
}
