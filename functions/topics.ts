import { v2MetadataOperations } from '../lib/rest/v2/metadata.ts';
import { deleteRecords } from '../lib/rest/v3/deleteRecords.ts';
import { surveyTopic } from '../lib/rest/v3/maintenance.ts';
import { partitionOperations } from '../lib/rest/v3/partitions.ts';
import { regionOperations } from '../lib/rest/v3/regions.ts';
import { replicaOperations } from '../lib/rest/v3/replicas.ts';
import { topicConfigOperations } from '../lib/rest/v3/topicConfigs.ts';
import { topicOperations } from '../lib/rest/v3/topics.ts';
import { handlerOf } from './handler.ts';

export const operations = [
  ...topicOperations,
  ...topicConfigOperations,
  ...partitionOperations,
  ...replicaOperations,
  ...regionOperations,
  deleteRecords,
  surveyTopic,
  ...v2MetadataOperations,
];
export const createHandler = handlerOf(operations);
