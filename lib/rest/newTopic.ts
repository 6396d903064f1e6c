import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import type { Access } from '../acl/access.ts';
import { CLUSTER, topicResource } from '../acl/binding.ts';
import type { NewTopic, Topic } from '../topic/topic.ts';
import type { Wadi } from '../wadi.ts';

const optionalInteger = (description: string) =>
  Type.Optional(Type.Union([Type.Integer(), Type.Null()], { description }));

/** What v3 and Strimzi Bridge have in common in a request for a topic. */
export const NewTopicProperties = {
  topic_name: Type.String(),
  partitions_count: optionalInteger('1 if absent, null or -1.'),
  replication_factor: optionalInteger(
    'In how many regions: all of them if it is -1, null or absent. In a cluster of one region, 1 to 3 are accepted, and change nothing: S3 and DynamoDB keep copies in three zones.',
  ),
};
const NewTopicRequest = Type.Object(NewTopicProperties);

/** Kafka's word for "as the broker has it". */
const BROKER_DEFAULT = -1;

export async function createTopic(
  wadi: Wadi,
  access: Access,
  request: Static<typeof NewTopicRequest> & Pick<NewTopic, 'configs'>,
  validateOnly: boolean,
): Promise<Topic> {
  if (!access.allows('CREATE', CLUSTER)) {
    access.require('CREATE', topicResource(request.topic_name), 'topic_name');
  }
  const factor = request.replication_factor ?? BROKER_DEFAULT;
  const partitions = request.partitions_count ?? BROKER_DEFAULT;
  return wadi.topics.create(
    {
      name: request.topic_name,
      ...(partitions !== BROKER_DEFAULT && { partitions }),
      ...(factor !== BROKER_DEFAULT && { replicationFactor: factor }),
      ...(request.configs && { configs: request.configs }),
    },
    { validateOnly },
  );
}
