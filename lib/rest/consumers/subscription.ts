import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { topicResource } from '../../acl/binding.ts';
import { WadiError } from '../../errors.ts';
import type { MemberState, PartitionName, Subscription } from '../../group/groups.ts';
import { topicNameProblem } from '../../topic/topicName.ts';
import type { Operation } from '../operation.ts';
import { jsonReader } from '../request.ts';
import { NO_CONTENT, V2_TYPE, v2json } from '../response.ts';
import { v2Bodies } from './bodies.ts';
import { idempotencyKey } from './idempotencyKey.ts';
import { illegalState, withState } from './illegalState.ts';
import { INSTANCE, InstanceParams, memberName, tag } from './paths.ts';
import { visible } from './visible.ts';

const PATH = `${INSTANCE}/subscription`;

/** Of one subscription: its names are written to the instance's item. */
const MAX_TOPICS = 1_000;

const Topics = Type.Object(
  {
    topics: Type.Optional(
      Type.Union([Type.Array(Type.String(), { maxItems: MAX_TOPICS }), Type.Null()], {
        description: 'Names of topics, whether there are such or not yet.',
      }),
    ),
    topic_pattern: Type.Optional(
      Type.Union([Type.String(), Type.Null()], {
        description:
          'Instead: an RE2 expression that the whole name must match; topics that are made later, too.',
      }),
    ),
  },
  { title: 'Topics', additionalProperties: false },
);

const SubscribedTopics = Type.Object(
  {
    topics: Type.Array(Type.String(), {
      description: 'Subscribed to; with a pattern, those of which the instance has partitions.',
    }),
    topic_pattern: Type.Optional(Type.String()),
    partitions: Type.Array(Type.Record(Type.String(), Type.Array(Type.Integer())), {
      description:
        'That are assigned to the instance now: an object for each topic, as Strimzi Bridge has it.',
    }),
  },
  { title: 'SubscribedTopicList' },
);

const readTopics = jsonReader(Topics);

/** As Kafka's consumer: a subscription to no topics is none. */
function subscriptionOf({ topics, topic_pattern }: Static<typeof Topics>): Subscription | undefined {
  if (topics && topic_pattern !== undefined && topic_pattern !== null) {
    const message = 'Subscription to topics, partitions and pattern are mutually exclusive';
    throw illegalState(message, 'INVALID_REQUEST', 'topic_pattern');
  }
  if (topic_pattern !== undefined && topic_pattern !== null) return { pattern: topic_pattern };
  if (!topics) {
    const message = 'A list of topics or a topic_pattern must be specified.';
    throw new WadiError('INVALID_REQUEST', message, { field: 'topics' });
  }
  for (const [i, name] of topics.entries()) {
    const problem = topicNameProblem(name);
    if (problem === undefined) continue;
    throw new WadiError('INVALID_TOPIC_EXCEPTION', `No topic has such a name: ${problem}.`, {
      field: `topics[${i}]`,
    });
  }
  return topics.length === 0 ? undefined : { topics: [...new Set(topics)] };
}

function subscribed({ subscription, assigned, pending }: MemberState): Static<typeof SubscribedTopics> {
  const namesOf = (partitions: readonly PartitionName[]) => new Set(partitions.map(({ topic }) => topic));
  const numbers = (name: string) =>
    assigned.filter(({ topic }) => topic === name).map(({ partition }) => partition);
  const partitions = [...namesOf(assigned)].map((name) => ({ [name]: numbers(name) }));
  if (subscription === undefined) return { topics: [], partitions };
  if ('topics' in subscription) return { topics: [...subscription.topics], partitions };
  const topics = [...namesOf([...assigned, ...pending])];
  return { topics, topic_pattern: subscription.pattern, partitions };
}

export const subscriptionOperations: readonly Operation[] = [
  {
    id: 'subscribe',
    method: 'POST',
    path: PATH,
    summary: 'Subscribe an instance to topics',
    description:
      'Replaces the subscription. The partitions of the topics are divided among the instances of the group; polls and heartbeats take part in that.',
    tag,
    params: InstanceParams,
    accepts: v2Bodies(Topics),
    answers: { 204: 'empty' },
    errors: [
      'INVALID_REQUEST',
      'INVALID_TOPIC_EXCEPTION',
      'INVALID_REGULAR_EXPRESSION',
      'UNKNOWN_MEMBER_ID',
      'FENCED_INSTANCE_ID',
      'KAFKA_STORAGE_ERROR',
    ],
    refusals: [409],
    form: 'v2',
    async handle(wadi, request, access) {
      const subscription = subscriptionOf(readTopics(request));
      if (subscription !== undefined && 'topics' in subscription) {
        for (const [i, name] of subscription.topics.entries())
          access.require('READ', topicResource(name), `topics[${i}]`);
      }
      await withState('INVALID_REQUEST', () => wadi.groups.subscribe(memberName(request), subscription));
      return NO_CONTENT;
    },
  },
  {
    id: 'listSubscriptions',
    method: 'GET',
    path: PATH,
    summary: 'What an instance is subscribed to',
    description: "REST Proxy's answer, with Strimzi Bridge's `partitions`.",
    tag,
    params: InstanceParams,
    answers: { 200: { [V2_TYPE]: SubscribedTopics } },
    errors: ['UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID', 'KAFKA_STORAGE_ERROR'],
    form: 'v2',
    async handle(wadi, request, access) {
      const state = await wadi.groups.describeMember(memberName(request));
      return v2json(200, subscribed(visible(state, access)));
    },
  },
  {
    id: 'unsubscribe',
    method: 'DELETE',
    path: PATH,
    summary: 'Unsubscribe an instance',
    description:
      "As Kafka's consumer does: partitions that were assigned by hand go, too. What was polled is committed as when the instance is deleted.",
    tag,
    params: InstanceParams,
    answers: { 204: 'empty' },
    errors: ['INVALID_REQUEST', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID', 'KAFKA_STORAGE_ERROR'],
    form: 'v2',
    async handle(wadi, request) {
      await wadi.groups.subscribe(memberName(request), undefined, idempotencyKey(request));
      return NO_CONTENT;
    },
  },
];
