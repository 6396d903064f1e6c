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

/** Each but once, for every function carries them. */
const ALTER_CLUSTER: Rights = ['ALTER CLUSTER'];
const DESCRIBE_CLUSTER: Rights = ['DESCRIBE CLUSTER'];
const DESCRIBE_CONFIGS_CLUSTER: Rights = ['DESCRIBE_CONFIGS CLUSTER'];
const DELETE_GROUP: Rights = ['DELETE GROUP'];
const DESCRIBE_GROUP: Rights = ['DESCRIBE GROUP'];
const READ_GROUP: Rights = ['READ GROUP'];
const ALTER_CONFIGS_TOPIC: Rights = ['ALTER_CONFIGS TOPIC'];
const DELETE_TOPIC: Rights = ['DELETE TOPIC'];
const DESCRIBE_CONFIGS_TOPIC: Rights = ['DESCRIBE_CONFIGS TOPIC'];
const DESCRIBE_TOPIC: Rights = ['DESCRIBE TOPIC'];
const WRITE_TOPIC: Rights = ['WRITE TOPIC'];

/**
 * Who may do what, by the operations' ids: Kafka's table (https://kafka.apache.org/documentation/#operations_resources_and_protocols)
 * for Kafka's requests of the same meaning. Asked for before the body is looked at: who may not learns nothing of what is there.
 */
export const RIGHTS: Readonly<Record<string, Rights>> = {
  // ------------------------------------------------------------ records
  produceRecord: WRITE_TOPIC,
  produceRecordsBatch: WRITE_TOPIC,
  produceToPartition: WRITE_TOPIC,
  send: WRITE_TOPIC,
  sendToPartition: WRITE_TOPIC,
  fetchRecords: ['READ TOPIC'],
  deleteRecords: DELETE_TOPIC,

  // ------------------------------------------------------------ topics
  listKafkaTopics: 'each',
  listTopics: 'each',
  // CREATE of the topic's name or of the cluster: Kafka takes either.
  createKafkaTopic: 'each',
  createTopic: 'each',
  getKafkaTopic: DESCRIBE_TOPIC,
  getTopic: DESCRIBE_TOPIC,
  updatePartitionCountKafkaTopic: ['ALTER TOPIC'],
  deleteKafkaTopic: DELETE_TOPIC,
  listKafkaAllTopicConfigs: 'each',
  listKafkaTopicConfigs: DESCRIBE_CONFIGS_TOPIC,
  getKafkaTopicConfig: DESCRIBE_CONFIGS_TOPIC,
  updateKafkaTopicConfigBatch: ALTER_CONFIGS_TOPIC,
  updateKafkaTopicConfig: ALTER_CONFIGS_TOPIC,
  deleteKafkaTopicConfig: ALTER_CONFIGS_TOPIC,
  listKafkaPartitions: DESCRIBE_TOPIC,
  listPartitions: DESCRIBE_TOPIC,
  getKafkaPartition: DESCRIBE_TOPIC,
  getPartition: DESCRIBE_TOPIC,
  listKafkaPartitionOffsets: DESCRIBE_TOPIC,
  getOffsets: DESCRIBE_TOPIC,
  listKafkaReplicas: DESCRIBE_TOPIC,
  getKafkaReplica: DESCRIBE_TOPIC,
  listKafkaReplicasOfBroker: 'each',
  listKafkaAllReassignments: 'nothing',
  listKafkaTopicReassignments: DESCRIBE_TOPIC,
  getKafkaReassignment: DESCRIBE_TOPIC,

  // ------------------------------------------------------------ consumer instances
  createConsumer: READ_GROUP,
  deleteConsumer: READ_GROUP,
  // And READ of each topic: of a pattern's, those count that the instance may read.
  subscribe: READ_GROUP,
  unsubscribe: READ_GROUP,
  listSubscriptions: READ_GROUP,
  assign: READ_GROUP,
  listAssignments: READ_GROUP,
  seek: READ_GROUP,
  seekToBeginning: READ_GROUP,
  seekToEnd: READ_GROUP,
  poll: READ_GROUP,
  heartbeat: READ_GROUP,
  commit: READ_GROUP,
  committed: READ_GROUP,

  // ------------------------------------------------------------ consumer groups
  listKafkaConsumerGroups: 'each',
  getKafkaConsumerGroup: DESCRIBE_GROUP,
  deleteConsumerGroup: DELETE_GROUP,
  listKafkaConsumers: DESCRIBE_GROUP,
  getKafkaConsumer: DESCRIBE_GROUP,
  // And DESCRIBE of each topic: others are left out.
  listKafkaConsumerAssignment: DESCRIBE_GROUP,
  getKafkaConsumerAssignment: ['DESCRIBE GROUP', 'DESCRIBE TOPIC'],
  getKafkaConsumerGroupLagSummary: DESCRIBE_GROUP,
  listKafkaConsumerLags: DESCRIBE_GROUP,
  getKafkaConsumerLag: ['DESCRIBE GROUP', 'DESCRIBE TOPIC'],
  // And READ of each topic.
  resetConsumerGroupPositions: READ_GROUP,
  deleteConsumerGroupPositions: DELETE_GROUP,

  // ------------------------------------------------------------ streams: an application's id is a group's, as in Kafka
  listStreamsApplications: 'each',
  getStreamsApplication: DESCRIBE_GROUP,
  // And DESCRIBE of each topic: others are left out.
  listStreamsTasks: DESCRIBE_GROUP,
  getStreamsTask: DESCRIBE_GROUP,
  listStreamsLags: DESCRIBE_GROUP,
  getStreamsLag: ['DESCRIBE GROUP', 'DESCRIBE TOPIC'],
  // And DESCRIBE of the changelog, to be told how many partitions it has.
  listStreamsStores: DESCRIBE_GROUP,
  getStreamsStore: DESCRIBE_GROUP,
  // And READ of the changelog, which has the same.
  getStreamsStoreKey: DESCRIBE_GROUP,
  listStreamsStoreRecords: DESCRIBE_GROUP,
  // And READ of each topic that it reads, DELETE of each of its own.
  resetStreamsApplication: READ_GROUP,
  // And DELETE of each of its own topics.
  deleteStreamsApplication: DELETE_GROUP,

  // ------------------------------------------------------------ the cluster
  listKafkaClusters: 'nothing',
  getKafkaCluster: 'nothing',
  listKafkaBrokers: 'nothing',
  getKafkaBroker: 'nothing',
  listBrokers: 'nothing',
  // As Kafka's DescribeQuorum.
  listRegions: DESCRIBE_CLUSTER,
  getRegion: DESCRIBE_CLUSTER,
  listKafkaClusterConfigs: DESCRIBE_CONFIGS_CLUSTER,
  listKafkaAllBrokerConfigs: DESCRIBE_CONFIGS_CLUSTER,
  listKafkaBrokerConfigs: DESCRIBE_CONFIGS_CLUSTER,
  getKafkaBrokerConfig: DESCRIBE_CONFIGS_CLUSTER,
  getKafkaAcls: DESCRIBE_CLUSTER,
  createKafkaAcls: ALTER_CLUSTER,
  batchCreateKafkaAcls: ALTER_CLUSTER,
  deleteKafkaAcls: ALTER_CLUSTER,
  // As Kafka's client quotas.
  listQuotas: DESCRIBE_CONFIGS_CLUSTER,
  alterQuotas: ['ALTER_CONFIGS CLUSTER'],
  surveyTopic: DESCRIBE_TOPIC,
  getMaintenance: DESCRIBE_CLUSTER,
  runMaintenance: ALTER_CLUSTER,
  getMaintenanceRun: DESCRIBE_CLUSTER,

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
