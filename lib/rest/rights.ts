import { type Access, accessOf } from '../acl/access.ts';
import { type AclOperation, CLUSTER } from '../acl/binding.ts';
import { type AuthorizerOptions, indexAcls } from '../acl/decide.ts';
import type { Wadi } from '../wadi.ts';
import type { HttpRequest, Operation } from './operation.ts';

/** What a caller must be allowed on what the path names, as `OPERATION TYPE`. */
type Right = `${AclOperation} ${'TOPIC' | 'GROUP' | 'CLUSTER'}`;

/**
 * Of an operation, all that is needed. `nothing`: it tells nothing of what exists. `each`: its answer has only what the caller may
 * see, or it asks for each thing that the body names, in the operation itself.
 */
export type Rights = readonly Right[] | 'nothing' | 'each';

/**
 * Who may do what, by the operations' ids: Kafka's table (https://kafka.apache.org/documentation/#operations_resources_and_protocols)
 * for Kafka's requests of the same meaning. Asked for before the body is looked at: who may not learns nothing of what is there.
 */
export const RIGHTS: Readonly<Record<string, Rights>> = {
  // ------------------------------------------------------------ records
  produceRecord: ['WRITE TOPIC'],
  produceRecordsBatch: ['WRITE TOPIC'],
  produceToPartition: ['WRITE TOPIC'],
  send: ['WRITE TOPIC'],
  sendToPartition: ['WRITE TOPIC'],
  fetchRecords: ['READ TOPIC'],
  deleteRecords: ['DELETE TOPIC'],

  // ------------------------------------------------------------ topics
  listKafkaTopics: 'each',
  listTopics: 'each',
  // CREATE of the topic's name or of the cluster: Kafka takes either.
  createKafkaTopic: 'each',
  createTopic: 'each',
  getKafkaTopic: ['DESCRIBE TOPIC'],
  getTopic: ['DESCRIBE TOPIC'],
  updatePartitionCountKafkaTopic: ['ALTER TOPIC'],
  deleteKafkaTopic: ['DELETE TOPIC'],
  listKafkaAllTopicConfigs: 'each',
  listKafkaTopicConfigs: ['DESCRIBE_CONFIGS TOPIC'],
  getKafkaTopicConfig: ['DESCRIBE_CONFIGS TOPIC'],
  updateKafkaTopicConfigBatch: ['ALTER_CONFIGS TOPIC'],
  updateKafkaTopicConfig: ['ALTER_CONFIGS TOPIC'],
  deleteKafkaTopicConfig: ['ALTER_CONFIGS TOPIC'],
  listKafkaPartitions: ['DESCRIBE TOPIC'],
  listPartitions: ['DESCRIBE TOPIC'],
  getKafkaPartition: ['DESCRIBE TOPIC'],
  getPartition: ['DESCRIBE TOPIC'],
  listKafkaPartitionOffsets: ['DESCRIBE TOPIC'],
  getOffsets: ['DESCRIBE TOPIC'],
  listKafkaReplicas: ['DESCRIBE TOPIC'],
  getKafkaReplica: ['DESCRIBE TOPIC'],
  listKafkaReplicasOfBroker: 'each',
  listKafkaAllReassignments: 'nothing',
  listKafkaTopicReassignments: ['DESCRIBE TOPIC'],
  getKafkaReassignment: ['DESCRIBE TOPIC'],

  // ------------------------------------------------------------ consumer instances
  createConsumer: ['READ GROUP'],
  deleteConsumer: ['READ GROUP'],
  // And READ of each topic: of a pattern's, those count that the instance may read.
  subscribe: ['READ GROUP'],
  unsubscribe: ['READ GROUP'],
  listSubscriptions: ['READ GROUP'],
  assign: ['READ GROUP'],
  listAssignments: ['READ GROUP'],
  seek: ['READ GROUP'],
  seekToBeginning: ['READ GROUP'],
  seekToEnd: ['READ GROUP'],
  poll: ['READ GROUP'],
  heartbeat: ['READ GROUP'],
  commit: ['READ GROUP'],
  committed: ['READ GROUP'],

  // ------------------------------------------------------------ consumer groups
  listKafkaConsumerGroups: 'each',
  getKafkaConsumerGroup: ['DESCRIBE GROUP'],
  deleteConsumerGroup: ['DELETE GROUP'],
  listKafkaConsumers: ['DESCRIBE GROUP'],
  getKafkaConsumer: ['DESCRIBE GROUP'],
  // And DESCRIBE of each topic: others are left out.
  listKafkaConsumerAssignment: ['DESCRIBE GROUP'],
  getKafkaConsumerAssignment: ['DESCRIBE GROUP', 'DESCRIBE TOPIC'],
  getKafkaConsumerGroupLagSummary: ['DESCRIBE GROUP'],
  listKafkaConsumerLags: ['DESCRIBE GROUP'],
  getKafkaConsumerLag: ['DESCRIBE GROUP', 'DESCRIBE TOPIC'],
  // And READ of each topic.
  resetConsumerGroupPositions: ['READ GROUP'],
  deleteConsumerGroupPositions: ['DELETE GROUP'],

  // ------------------------------------------------------------ streams: an application's id is a group's, as in Kafka
  listStreamsApplications: 'each',
  getStreamsApplication: ['DESCRIBE GROUP'],
  listStreamsTasks: ['DESCRIBE GROUP'],
  getStreamsTask: ['DESCRIBE GROUP'],
  // And DESCRIBE of each topic: others are left out.
  listStreamsLags: ['DESCRIBE GROUP'],
  getStreamsLag: ['DESCRIBE GROUP', 'DESCRIBE TOPIC'],
  listStreamsStores: ['DESCRIBE GROUP'],
  getStreamsStore: ['DESCRIBE GROUP'],
  // And READ of the changelog, which has the same.
  getStreamsStoreKey: ['DESCRIBE GROUP'],
  listStreamsStoreRecords: ['DESCRIBE GROUP'],
  // And READ of each topic that it reads, DELETE of each of its own.
  resetStreamsApplication: ['READ GROUP'],
  // And DELETE of each of its own topics.
  deleteStreamsApplication: ['DELETE GROUP'],

  // ------------------------------------------------------------ the cluster
  listKafkaClusters: 'nothing',
  getKafkaCluster: 'nothing',
  listKafkaBrokers: 'nothing',
  getKafkaBroker: 'nothing',
  listBrokers: 'nothing',
  // As Kafka's DescribeQuorum.
  listRegions: ['DESCRIBE CLUSTER'],
  getRegion: ['DESCRIBE CLUSTER'],
  listKafkaClusterConfigs: ['DESCRIBE_CONFIGS CLUSTER'],
  listKafkaAllBrokerConfigs: ['DESCRIBE_CONFIGS CLUSTER'],
  listKafkaBrokerConfigs: ['DESCRIBE_CONFIGS CLUSTER'],
  getKafkaBrokerConfig: ['DESCRIBE_CONFIGS CLUSTER'],
  getKafkaAcls: ['DESCRIBE CLUSTER'],
  createKafkaAcls: ['ALTER CLUSTER'],
  batchCreateKafkaAcls: ['ALTER CLUSTER'],
  deleteKafkaAcls: ['ALTER CLUSTER'],
  // As Kafka's client quotas.
  listQuotas: ['DESCRIBE_CONFIGS CLUSTER'],
  alterQuotas: ['ALTER_CONFIGS CLUSTER'],
  surveyTopic: ['DESCRIBE TOPIC'],
  getMaintenance: ['DESCRIBE CLUSTER'],
  runMaintenance: ['ALTER CLUSTER'],
  getMaintenanceRun: ['DESCRIBE CLUSTER'],

  // ------------------------------------------------------------ the service
  info: 'nothing',
  health: 'nothing',
  healthy: 'nothing',
  ready: 'nothing',
  openapi: 'nothing',
  bridgeOpenapi: 'nothing',
  bridgeOpenapiV3: 'nothing',
};

/** The parameters of paths that name a topic or a group. */
const PARAMS = {
  TOPIC: ['topic_name'],
  GROUP: ['consumer_group_id', 'group_name', 'application_id'],
} as const;

/**
 * What the caller may do, if it may call the operation: throws TOPIC_, GROUP_ or CLUSTER_AUTHORIZATION_FAILED. What tells nothing is
 * told without a look at ACLs. An operation without an entry is for nobody.
 */
export async function authorize(
  { acls }: Wadi,
  { id }: Operation,
  { caller, params }: HttpRequest,
): Promise<Access> {
  const rights = RIGHTS[id];
  if (rights === undefined) throw new Error(`nobody knows who may call ${id}`);
  if (rights === 'nothing') return accessOf(indexAcls([]), NOBODY, caller);
  const access = await acls.accessOf(caller);
  for (const right of rights === 'each' ? [] : rights) {
    const [operation, type] = right.split(' ') as [AclOperation, 'TOPIC' | 'GROUP' | 'CLUSTER'];
    if (type === 'CLUSTER') {
      access.require(operation, CLUSTER);
      continue;
    }
    // One that is missing is refused by its operation, if not here.
    const field = PARAMS[type].find((name) => params[name] !== undefined) ?? PARAMS[type][0];
    access.require(operation, { type, name: params[field] ?? '' }, field);
  }
  return access;
}

const NOBODY: AuthorizerOptions = { superUsers: new Set(), allowEveryoneIfNoAclFound: false };
