import * as Type from '@sinclair/typebox/type';

/** The roots of v3's paths; every operation below one of them takes the parameters that it names. */
export const CLUSTER = '/v3/clusters/{cluster_id}';
export const TOPIC = `${CLUSTER}/topics/{topic_name}`;
export const PARTITION = `${TOPIC}/partitions/{partition_id}`;

const topicName = Type.String({ description: 'The topic name.' });
/** Kafka's partitions are 32-bit. */
const partitionId = Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, description: 'The partition.' });

export const ClusterParams = Type.Object({
  cluster_id: Type.String({ description: 'The Kafka cluster ID.' }),
});
export const TopicParams = Type.Object({ ...ClusterParams.properties, topic_name: topicName });
export const PartitionParams = Type.Object({ ...TopicParams.properties, partition_id: partitionId });

/** v2's paths, which name no cluster. */
export const V2_TOPIC = '/topics/{topic_name}';
export const V2_PARTITION = `${V2_TOPIC}/partitions/{partition_id}`;
export const V2TopicParams = Type.Object({ topic_name: topicName });
export const V2PartitionParams = Type.Object({ topic_name: topicName, partition_id: partitionId });
