/** The client of Wadi's HTTP API, for Node 20 and later, browsers and Lambda functions. */

export { type Admin, admin } from './admin.ts';
export { ClientError, isKafkaError } from './clientError.ts';
export type { CallOptions, ConnectionOptions, SignableRequest } from './connection.ts';
export type { ConsumerRecord } from './consumer/instance.ts';
export type { RebalanceHooks } from './consumer/membership.ts';
export type { Consumer, ConsumerBatch, ConsumerOptions, IterationOptions } from './consumer/options.ts';
export type { CommitOffset, PartitionName, SeekPosition, Subscription } from './consumer/partitions.ts';
export { consumer } from './consumer.ts';
export type * from './groupsAdmin.ts';
export type { Compress } from './producer/compress.ts';
export { SendError, type SentRecord } from './producer/outcomes.ts';
export {
  type Bytes,
  type Producer,
  type ProducerOptions,
  type ProducerRecord,
  producer,
} from './producer.ts';
export type * from './topicsAdmin.ts';
