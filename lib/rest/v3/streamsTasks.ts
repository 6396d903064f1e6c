import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import type { Access } from '../../acl/access.ts';
import { topicResource } from '../../acl/binding.ts';
import { findApplication } from '../../streams/admin/findApplication.ts';
import { type Activity, activityOf } from '../../streams/admin/tasks.ts';
import { taskName } from '../../streams/runtime/application.ts';
import { type KnownTask, readTasks } from '../../streams/runtime/readTasks.ts';
import { HttpError } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { paramsReader } from '../request.ts';
import { JSON_TYPE, json } from '../response.ts';
import { PageQuery, pageOf } from './page.ts';
import { clusterPlace, list, listSchema, metadata, type Place, part, resourceSchema } from './resource.ts';
import {
  APPLICATION,
  ApplicationParams,
  applicationParams,
  applicationPlace,
  streamsTag,
} from './streams.ts';

const TASKS = `${APPLICATION}/tasks`;
const TaskParams = Type.Object({
  ...ApplicationParams.properties,
  task_id: Type.String({ description: 'Sub-topology and partition, as `0_3`.' }),
});

const KIND = 'KafkaStreamsTask';

const STATES = { running: 'RUNNING', idle: 'IDLE', resetting: 'RESETTING' } as const satisfies Record<
  Activity,
  string
>;

const Task = resourceSchema(KIND, {
  cluster_id: Type.String(),
  application_id: Type.String(),
  task_id: Type.String(),
  subtopology_id: Type.Integer(),
  partition_id: Type.Integer(),
  state: Type.Union(
    Object.values(STATES).map((state) => Type.Literal(state)),
    {
      description:
        'RUNNING: a worker has it at this moment, or one that had it has died within the last minute. RESETTING: nobody takes it, until the reset or deletion is done.',
    },
  ),
  holder: Type.Union([Type.String(), Type.Null()], {
    description: 'Of a task that is RUNNING, a name drawn by chance for each time that a worker takes it.',
  }),
  steps: Type.Integer({ description: 'That it has committed.' }),
  stream_time_ms: Type.Union([Type.Integer(), Type.Null()], {
    description: 'The greatest timestamp that it has seen; null if none.',
  }),
  positions: Type.Array(
    Type.Object({ topic_name: Type.String(), offset: Type.Integer() }, { title: 'StreamsPosition' }),
    {
      description:
        'Where its next step begins; none of what it has not begun to read, and of topics that the caller may not describe.',
    },
  ),
});

function taskData(
  access: Access,
  application: Place,
  applicationId: string,
  { id, state }: KnownTask,
  nowMs: number,
): Static<typeof Task> {
  const name = taskName(id);
  const activity = activityOf(state, nowMs);
  return {
    kind: KIND,
    metadata: metadata(part(application, `tasks/${name}`, `task=${name}`)),
    cluster_id: application.clusterId,
    application_id: applicationId,
    task_id: name,
    subtopology_id: id.subtopology,
    partition_id: id.partition,
    state: STATES[activity],
    holder: activity === 'running' ? state.holder : null,
    steps: state.step,
    stream_time_ms: state.times.streamTimeMs < 0 ? null : state.times.streamTimeMs,
    positions: Object.entries(state.positions)
      .map(([topic_name, offset]) => ({ topic_name, offset }))
      .filter(({ topic_name }) => access.allows('DESCRIBE', topicResource(topic_name))),
  };
}

const taskParams = paramsReader(TaskParams);

export const streamsTaskOperations: readonly Operation[] = [
  {
    id: 'listStreamsTasks',
    method: 'GET',
    path: TASKS,
    summary: 'List Streams Tasks',
    description: "Wadi's own: those that have begun, in the order of sub-topologies and partitions.",
    tag: streamsTag,
    params: ApplicationParams,
    query: PageQuery,
    answers: { 200: { [JSON_TYPE]: listSchema(KIND, Task) } },
    errors: ['INVALID_REQUEST', 'GROUP_ID_NOT_FOUND', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request, access) {
      const { application_id } = applicationParams(request);
      await findApplication(wadi, application_id);
      const application = applicationPlace(clusterPlace(wadi, request), application_id);
      const tasks = await readTasks(wadi, application_id);
      const self = `${application.url}/tasks`;
      const all = tasks.map((task) => ({
        // Numbers that are in the order of their text.
        topicName: String(task.id.subtopology).padStart(SUBTOPOLOGY_DIGITS, '0'),
        ...{ index: task.id.partition, task },
      }));
      const { page, next } = pageOf(request, self, all);
      const now = wadi.clock.now();
      const data = page.map(({ task }) => taskData(access, application, application_id, task, now));
      return json(200, list(KIND, self, data, next));
    },
  },
  {
    id: 'getStreamsTask',
    method: 'GET',
    path: `${TASKS}/{task_id}`,
    summary: 'Get Streams Task',
    description: "Wadi's own.",
    tag: streamsTag,
    params: TaskParams,
    answers: { 200: { [JSON_TYPE]: Task } },
    errors: ['GROUP_ID_NOT_FOUND', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request, access) {
      const { application_id, task_id } = taskParams(request);
      await findApplication(wadi, application_id);
      const tasks = await readTasks(wadi, application_id);
      const task = tasks.find(({ id }) => taskName(id) === task_id);
      if (task === undefined) {
        const message = `Application '${application_id}' has no task '${task_id}' that has begun.`;
        throw new HttpError(404, message, { field: 'task_id' });
      }
      const application = applicationPlace(clusterPlace(wadi, request), application_id);
      return json(200, taskData(access, application, application_id, task, wadi.clock.now()));
    },
  },
];

const SUBTOPOLOGY_DIGITS = 6;
