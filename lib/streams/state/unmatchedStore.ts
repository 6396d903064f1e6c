import type { StoreOptions } from './keyValueStore.ts';
import type { StateStore, StoreBuilder } from './store.ts';

export type JoinSide = 'left' | 'right';

/** A record of a join of streams that has met no other so far: the id is that in the join store of its side. */
export interface Unmatched {
  readonly side: JoinSide;
  readonly timestamp: number;
  readonly id: Uint8Array;
}

export interface UnmatchedStore extends StateStore {
  put(unmatched: Unmatched): void;
  /** Does nothing if it is not there. */
  delete(unmatched: Unmatched): void;
  /** Of times before, by time, those of the left first. */
  before(timestamp: number): readonly Unmatched[];
  approximateNumEntries(): number;
}

const TIMESTAMP_BYTES = 8;
const PRESENT = Uint8Array.of(1);

/** Eight bytes of timestamp, one of the side, then the id. */
export function unmatchedStoreBuilder(
  name: string,
  { logged = true, changelogConfigs = {} }: StoreOptions = {},
): StoreBuilder<UnmatchedStore> {
  return {
    ...{ name, logged, changelogConfigs, retentionMs: undefined },
    build: (bytes) => ({
      name,
      put: (unmatched) => bytes.put(encode(unmatched), PRESENT),
      delete(unmatched) {
        const key = encode(unmatched);
        if (bytes.get(key) !== undefined) bytes.delete(key);
      },
      before(timestamp) {
        if (timestamp <= 0) return [];
        const to = new Uint8Array(TIMESTAMP_BYTES);
        new DataView(to.buffer).setBigUint64(0, BigInt(timestamp));
        return Array.from(bytes.range(undefined, to), ([key]) => decode(key));
      },
      approximateNumEntries: () => bytes.size,
    }),
  };
}

function encode({ side, timestamp, id }: Unmatched): Uint8Array {
  const key = new Uint8Array(TIMESTAMP_BYTES + 1 + id.length);
  new DataView(key.buffer).setBigUint64(0, BigInt(timestamp));
  key[TIMESTAMP_BYTES] = side === 'left' ? 0 : 1;
  key.set(id, TIMESTAMP_BYTES + 1);
  return key;
}

function decode(key: Uint8Array): Unmatched {
  return {
    timestamp: Number(new DataView(key.buffer, key.byteOffset, TIMESTAMP_BYTES).getBigUint64(0)),
    side: key[TIMESTAMP_BYTES] === 0 ? 'left' : 'right',
    id: key.subarray(TIMESTAMP_BYTES + 1),
  };
}
