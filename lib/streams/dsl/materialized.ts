import { keyValueStoreBuilder } from '../state/keyValueStore.ts';
import { timestamped } from '../state/timestamped.ts';
import { type Graph, type Place, requireSerde } from './graph.ts';
import type { Materialized } from './options.ts';

/** Adds the store of a table whose rows are of the place's serdes, unless others are given. */
export function tableStore<K, V>(
  graph: Graph,
  place: Place,
  defaultName: string,
  materialized: Materialized<K, V>,
): { storeName: string; place: Place } {
  const { storeName = defaultName, logged = true, changelogConfigs = {} } = materialized;
  const keySerde = requireSerde(materialized.keySerde ?? place.keySerde, `keys of store ${storeName}`);
  const valueSerde = requireSerde(
    materialized.valueSerde ?? place.valueSerde,
    `values of store ${storeName}`,
  );
  const options = { logged, changelogConfigs };
  graph.addStore(keyValueStoreBuilder(storeName, keySerde, timestamped(valueSerde), options));
  return { storeName, place: { ...place, keySerde, valueSerde } };
}
