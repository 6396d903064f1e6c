/** An operation that is not served, and why. */
export interface LeftOut {
  readonly leftOut: string;
}

/** An API that Wadi speaks: each of its operations, and which one of ours serves it. */
export interface SpecifiedApi {
  readonly name: string;
  /** Before its paths. */
  readonly root: string;
  /** By method and path, as its specification has them: the id of the operation that serves it. */
  readonly operations: Readonly<Record<string, string | LeftOut>>;
}

const BROKER_CONFIGS: LeftOut = {
  leftOut: 'There are no brokers: none of the virtual one’s configs can be set, for one or for all.',
};
const METRICS: LeftOut = {
  leftOut: 'Metrics are in CloudWatch: there is no process whose numbers could be asked for.',
};
const NOTHING: LeftOut = { leftOut: 'Does nothing: it is there for tests of REST Proxy’s own server.' };

/** api/v3/openapi.yaml of https://github.com/confluentinc/kafka-rest */
const REST_PROXY_V3: SpecifiedApi['operations'] = {
  'GET /clusters': 'listKafkaClusters',
  'GET /clusters/{cluster_id}': 'getKafkaCluster',
  'POST /clusters/{cluster_id}/acls:batch': 'batchCreateKafkaAcls',
  'GET /clusters/{cluster_id}/acls': 'getKafkaAcls',
  'POST /clusters/{cluster_id}/acls': 'createKafkaAcls',
  'DELETE /clusters/{cluster_id}/acls': 'deleteKafkaAcls',
  'GET /clusters/{cluster_id}/broker-configs': 'listKafkaClusterConfigs',
  'POST /clusters/{cluster_id}/broker-configs:alter': BROKER_CONFIGS,
  'GET /clusters/{cluster_id}/broker-configs/{name}': BROKER_CONFIGS,
  'PUT /clusters/{cluster_id}/broker-configs/{name}': BROKER_CONFIGS,
  'DELETE /clusters/{cluster_id}/broker-configs/{name}': BROKER_CONFIGS,
  'GET /clusters/{cluster_id}/brokers': 'listKafkaBrokers',
  'GET /clusters/{cluster_id}/brokers/{broker_id}': 'getKafkaBroker',
  'GET /clusters/{cluster_id}/brokers/-/configs': 'listKafkaAllBrokerConfigs',
  'GET /clusters/{cluster_id}/brokers/{broker_id}/configs': 'listKafkaBrokerConfigs',
  'POST /clusters/{cluster_id}/brokers/{broker_id}/configs:alter': BROKER_CONFIGS,
  'GET /clusters/{cluster_id}/brokers/{broker_id}/configs/{name}': 'getKafkaBrokerConfig',
  'PUT /clusters/{cluster_id}/brokers/{broker_id}/configs/{name}': BROKER_CONFIGS,
  'DELETE /clusters/{cluster_id}/brokers/{broker_id}/configs/{name}': BROKER_CONFIGS,
  'GET /clusters/{cluster_id}/brokers/{broker_id}/partition-replicas': 'listKafkaReplicasOfBroker',
  'GET /clusters/{cluster_id}/consumer-groups': 'listKafkaConsumerGroups',
  'GET /clusters/{cluster_id}/consumer-groups/{consumer_group_id}': 'getKafkaConsumerGroup',
  'GET /clusters/{cluster_id}/consumer-groups/{consumer_group_id}/consumers': 'listKafkaConsumers',
  'GET /clusters/{cluster_id}/consumer-groups/{consumer_group_id}/lag-summary':
    'getKafkaConsumerGroupLagSummary',
  'GET /clusters/{cluster_id}/consumer-groups/{consumer_group_id}/lags': 'listKafkaConsumerLags',
  'GET /clusters/{cluster_id}/consumer-groups/{consumer_group_id}/lags/{topic_name}/partitions/{partition_id}':
    'getKafkaConsumerLag',
  'GET /clusters/{cluster_id}/consumer-groups/{consumer_group_id}/consumers/{consumer_id}':
    'getKafkaConsumer',
  'GET /clusters/{cluster_id}/consumer-groups/{consumer_group_id}/consumers/{consumer_id}/assignments':
    'listKafkaConsumerAssignment',
  'GET /clusters/{cluster_id}/consumer-groups/{consumer_group_id}/consumers/{consumer_id}/assignments/{topic_name}/partitions/{partition_id}':
    'getKafkaConsumerAssignment',
  'GET /clusters/{cluster_id}/topics': 'listKafkaTopics',
  'POST /clusters/{cluster_id}/topics': 'createKafkaTopic',
  'GET /clusters/{cluster_id}/topics/{topic_name}': 'getKafkaTopic',
  'PATCH /clusters/{cluster_id}/topics/{topic_name}': 'updatePartitionCountKafkaTopic',
  'DELETE /clusters/{cluster_id}/topics/{topic_name}': 'deleteKafkaTopic',
  'GET /clusters/{cluster_id}/topics/{topic_name}/configs': 'listKafkaTopicConfigs',
  'POST /clusters/{cluster_id}/topics/{topic_name}/configs:alter': 'updateKafkaTopicConfigBatch',
  'GET /clusters/{cluster_id}/topics/{topic_name}/configs/{name}': 'getKafkaTopicConfig',
  'PUT /clusters/{cluster_id}/topics/{topic_name}/configs/{name}': 'updateKafkaTopicConfig',
  'DELETE /clusters/{cluster_id}/topics/{topic_name}/configs/{name}': 'deleteKafkaTopicConfig',
  'GET /clusters/{cluster_id}/topics/{topic_name}/partitions/{partition_id}/offset':
    'listKafkaPartitionOffsets',
  'GET /clusters/{cluster_id}/topics/{topic_name}/partitions': 'listKafkaPartitions',
  'GET /clusters/{cluster_id}/topics/{topic_name}/partitions/{partition_id}': 'getKafkaPartition',
  'GET /clusters/{cluster_id}/topics/-/partitions/-/reassignment': 'listKafkaAllReassignments',
  'GET /clusters/{cluster_id}/topics/{topic_name}/partitions/-/reassignment': 'listKafkaTopicReassignments',
  'GET /clusters/{cluster_id}/topics/{topic_name}/partitions/{partition_id}/reassignment':
    'getKafkaReassignment',
  'GET /clusters/{cluster_id}/topics/{topic_name}/partitions/{partition_id}/replicas': 'listKafkaReplicas',
  'GET /clusters/{cluster_id}/topics/{topic_name}/partitions/{partition_id}/replicas/{broker_id}':
    'getKafkaReplica',
  'GET /clusters/{cluster_id}/topics/-/configs': 'listKafkaAllTopicConfigs',
  'POST /clusters/{cluster_id}/topics/{topic_name}/records': 'produceRecord',
  'POST /clusters/{cluster_id}/topics/{topic_name}/records:batch': 'produceRecordsBatch',
};

/** https://docs.confluent.io/platform/current/kafka-rest/api.html, and what its resources serve beside: the root. */
const REST_PROXY_V2: SpecifiedApi['operations'] = {
  'GET /': 'info',
  'POST /': NOTHING,
  'GET /brokers': 'listBrokers',
  'GET /topics': 'listTopics',
  'GET /topics/{topic_name}': 'getTopic',
  'POST /topics/{topic_name}': 'send',
  'GET /topics/{topic_name}/partitions': 'listPartitions',
  'GET /topics/{topic_name}/partitions/{partition_id}': 'getPartition',
  'POST /topics/{topic_name}/partitions/{partition_id}': 'sendToPartition',
  'GET /topics/{topic_name}/partitions/{partition_id}/offsets': 'getOffsets',
  'POST /consumers/{group_name}': 'createConsumer',
  'DELETE /consumers/{group_name}/instances/{instance}': 'deleteConsumer',
  'POST /consumers/{group_name}/instances/{instance}/offsets': 'commit',
  'GET /consumers/{group_name}/instances/{instance}/offsets': 'committed',
  'POST /consumers/{group_name}/instances/{instance}/subscription': 'subscribe',
  'GET /consumers/{group_name}/instances/{instance}/subscription': 'listSubscriptions',
  'DELETE /consumers/{group_name}/instances/{instance}/subscription': 'unsubscribe',
  'POST /consumers/{group_name}/instances/{instance}/assignments': 'assign',
  'GET /consumers/{group_name}/instances/{instance}/assignments': 'listAssignments',
  'POST /consumers/{group_name}/instances/{instance}/positions': 'seek',
  'POST /consumers/{group_name}/instances/{instance}/positions/beginning': 'seekToBeginning',
  'POST /consumers/{group_name}/instances/{instance}/positions/end': 'seekToEnd',
  'GET /consumers/{group_name}/instances/{instance}/records': 'poll',
};

/** src/main/resources/openapi.json of https://github.com/strimzi/strimzi-kafka-bridge */
const STRIMZI_BRIDGE: SpecifiedApi['operations'] = {
  'POST /consumers/{groupid}': 'createConsumer',
  'POST /consumers/{groupid}/instances/{name}/positions/beginning': 'seekToBeginning',
  'POST /consumers/{groupid}/instances/{name}/positions/end': 'seekToEnd',
  'GET /consumers/{groupid}/instances/{name}/subscription': 'listSubscriptions',
  'POST /consumers/{groupid}/instances/{name}/subscription': 'subscribe',
  'DELETE /consumers/{groupid}/instances/{name}/subscription': 'unsubscribe',
  'POST /consumers/{groupid}/instances/{name}/positions': 'seek',
  'POST /consumers/{groupid}/instances/{name}/assignments': 'assign',
  'GET /topics': 'listTopics',
  'GET /topics/{topicname}': 'getTopic',
  'POST /topics/{topicname}': 'send',
  'POST /admin/topics': 'createTopic',
  'GET /consumers/{groupid}/instances/{name}/records': 'poll',
  'GET /topics/{topicname}/partitions': 'listPartitions',
  'GET /topics/{topicname}/partitions/{partitionid}': 'getPartition',
  'POST /topics/{topicname}/partitions/{partitionid}': 'sendToPartition',
  'GET /topics/{topicname}/partitions/{partitionid}/offsets': 'getOffsets',
  'DELETE /consumers/{groupid}/instances/{name}': 'deleteConsumer',
  'POST /consumers/{groupid}/instances/{name}/offsets': 'commit',
  'GET /healthy': 'healthy',
  'GET /ready': 'ready',
  'GET /openapi': 'bridgeOpenapi',
  'GET /openapi/v3': 'bridgeOpenapiV3',
  'GET /metrics': METRICS,
  'GET /': 'info',
};

export const SPECIFIED_APIS: readonly SpecifiedApi[] = [
  { name: 'REST Proxy v3', root: '/v3', operations: REST_PROXY_V3 },
  { name: 'REST Proxy v2', root: '', operations: REST_PROXY_V2 },
  { name: 'Strimzi Bridge', root: '', operations: STRIMZI_BRIDGE },
];

/** Ids of the operations that are Wadi's own. */
export const OWN_OPERATIONS: readonly string[] = [
  'produceToPartition',
  'fetchRecords',
  'heartbeat',
  'deleteConsumerGroup',
  'resetConsumerGroupPositions',
  'deleteConsumerGroupPositions',
  'listStreamsApplications',
  'getStreamsApplication',
  'listStreamsTasks',
  'getStreamsTask',
  'listStreamsLags',
  'getStreamsLag',
  'listStreamsStores',
  'getStreamsStore',
  'getStreamsStoreKey',
  'listStreamsStoreRecords',
  'resetStreamsApplication',
  'deleteStreamsApplication',
  'deleteRecords',
  'surveyTopic',
  'listRegions',
  'getRegion',
  'listQuotas',
  'alterQuotas',
  'getMaintenance',
  'runMaintenance',
  'getMaintenanceRun',
  'health',
  'openapi',
];
