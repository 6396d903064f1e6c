/** Kafka Streams' model in TypeScript: see README.md. */

export { TopologyTestDriver } from './driver/topologyTestDriver.ts';
export type { GlobalTable } from './dsl/globalTable.ts';
export type * from './dsl/joins/options.ts';
export type * from './dsl/options.ts';
export type { Stream } from './dsl/stream.ts';
export { StreamsBuilder } from './dsl/streamsBuilder.ts';
export type { Table } from './dsl/table.ts';
export type * from './processor/processor.ts';
export type { StreamRecord } from './record.ts';
export type { StreamsApplication } from './runtime/application.ts';
export type { OnError } from './runtime/deadLetter.ts';
export { schemaSerde } from './schemaSerde.ts';
export { type Serde, Serdes } from './serdes.ts';
export { keyValueStoreBuilder } from './state/keyValueStore.ts';
export { type SessionStore, sessionStoreBuilder } from './state/sessionStore.ts';
export { type WindowStore, windowStoreBuilder } from './state/windowStore.ts';
export { Topology } from './topology/topology.ts';
export { type JoinWindows, joinWindows } from './windows/joinWindows.ts';
export { sessionWindows } from './windows/sessionWindows.ts';
export { slidingWindows } from './windows/slidingWindows.ts';
export { timeWindows } from './windows/timeWindows.ts';
export {
  sessionWindowedSerde,
  timeWindowedSerde,
  type Window,
  type Windowed,
} from './windows/windowed.ts';
