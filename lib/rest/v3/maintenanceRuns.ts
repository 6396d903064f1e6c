import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import type { Access } from '../../acl/access.ts';
import { topicResource } from '../../acl/binding.ts';
import { logError } from '../../logError.ts';
import type { Counts } from '../../maintenance/job.ts';
import { MAINTENANCE_LIMITS } from '../../maintenance/limits.ts';
import { type Run, readRun, startRun } from '../../maintenance/runs.ts';
import { maintenanceStatus } from '../../maintenance/status.ts';
import { HttpError } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { CLUSTER, ClusterParams } from '../paths.ts';
import { jsonReader, paramsReader } from '../request.ts';
import { JSON_TYPE, json } from '../response.ts';
import { clusterPlace, metadata, type Place, part, resourceSchema } from './resource.ts';

const MAINTENANCE = `${CLUSTER}/maintenance`;
/** That an answer names: it must fit in Lambda's 6 MB. */
const MAX_UNITS = 1_000;

const CountsData = Type.Record(Type.String(), Type.Number(), {
  description: 'What was done: records and bytes deleted, merges, objects written and reclaimed, and so on.',
});

const Status = resourceSchema('KafkaMaintenance', {
  cluster_id: Type.String(),
  due_count: Type.Integer({ description: 'Units of work that are due now.' }),
  oldest_due_age_ms: Type.Integer({ description: 'Since when the oldest of them is; 0 if none is.' }),
  due: Type.Array(Type.Object({ unit: Type.String(), topic_name: Type.String(), due_at_ms: Type.Integer() })),
  running: Type.Array(
    Type.Object({ unit: Type.String(), topic_name: Type.String(), lease_until_ms: Type.Integer() }),
    { description: 'Units that somebody is at work on.' },
  ),
  last_runs: Type.Array(
    Type.Object({
      unit: Type.String(),
      topic_name: Type.String(),
      ended_at_ms: Type.Integer(),
      took_ms: Type.Integer(),
      more: Type.Boolean({ description: 'There was more to do, which was handed on.' }),
      counts: CountsData,
      error: Type.Optional(Type.String()),
    }),
    { description: 'The last run of each unit that had something to do, the youngest first.' },
  ),
});

const RunData = resourceSchema('KafkaMaintenanceRun', {
  cluster_id: Type.String(),
  run_id: Type.String(),
  started_at_ms: Type.Integer(),
  units_count: Type.Integer({
    description: 'Topics; of a run of all of them, one more for what was due besides.',
  }),
  left_count: Type.Integer({ description: 'Of them, those that are not done.' }),
  counts: CountsData,
  units: Type.Array(
    Type.Object({
      topic_name: Type.String({ description: 'Empty: of what was due besides.' }),
      done: Type.Boolean(),
      counts: CountsData,
      error: Type.Optional(
        Type.String({ description: 'Why the last attempt failed; it is tried again some minutes later.' }),
      ),
    }),
    { description: 'Up to 1,000 of them, those that are not done first.' },
  ),
});

const RunRequest = Type.Object(
  { topic_name: Type.Optional(Type.String({ description: 'Of this topic alone.' })) },
  { title: 'MaintenanceRunRequest', additionalProperties: false },
);

const RunParams = Type.Object({
  ...ClusterParams.properties,
  run_id: Type.String({ description: 'As the run answered when it was asked for.' }),
});

const maintenancePlace = (cluster: Place): Place => part(cluster, 'maintenance', 'maintenance');

/** Of topics that the caller may not describe nothing is told. */
const seenBy =
  (access: Access) =>
  ({ name }: { readonly name: string }): boolean =>
    name === '' || access.allows('DESCRIBE', topicResource(name));

function runData(cluster: Place, access: Access, run: Run): Static<typeof RunData> {
  const { runId, startedAtMs, units, left, counts } = run;
  return {
    kind: 'KafkaMaintenanceRun',
    metadata: metadata(part(maintenancePlace(cluster), `runs/${runId}`, `run=${runId}`)),
    cluster_id: cluster.clusterId,
    run_id: runId,
    started_at_ms: startedAtMs,
    units_count: units.length,
    left_count: left,
    counts: mutable(counts),
    units: units
      .filter(seenBy(access))
      .toSorted((a, b) => Number(a.done) - Number(b.done))
      .slice(0, MAX_UNITS)
      .map(({ name, done, counts, error }) => ({
        ...{ topic_name: name, done, counts: mutable(counts) },
        ...(error !== undefined && { error }),
      })),
  };
}

const mutable = (counts: Counts): Record<string, number> => ({ ...counts });

const readRequest = jsonReader(RunRequest);
const runParams = paramsReader(RunParams);

export const maintenanceOperations: readonly Operation[] = [
  {
    id: 'getMaintenance',
    method: 'GET',
    path: MAINTENANCE,
    summary: 'Get Maintenance',
    description: "Wadi's own. What maintenance is due, who is at work on it, and what was done last.",
    tag: 'Maintenance (v3)',
    params: ClusterParams,
    answers: { 200: { [JSON_TYPE]: Status } },
    errors: ['KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request, access) {
      const now = wadi.clock.now();
      const { dueCount, due, running, lastRuns } = await maintenanceStatus(wadi);
      const isSeen = seenBy(access);
      const oldest = due[0];
      const answer: Static<typeof Status> = {
        kind: 'KafkaMaintenance',
        metadata: metadata(maintenancePlace(clusterPlace(wadi, request))),
        cluster_id: wadi.clusterId,
        due_count: dueCount,
        oldest_due_age_ms: oldest === undefined ? 0 : Math.max(0, now - oldest.dueAtMs),
        due: due
          .filter(isSeen)
          .map(({ unit, name, dueAtMs }) => ({ unit, topic_name: name, due_at_ms: dueAtMs })),
        running: running.filter(isSeen).map(({ unit, name, untilMs }) => ({
          ...{ unit, topic_name: name, lease_until_ms: untilMs },
        })),
        last_runs: lastRuns.filter(isSeen).map(({ unit, name, endedAtMs, tookMs, more, counts, error }) => ({
          ...{ unit, topic_name: name, ended_at_ms: endedAtMs, took_ms: tookMs, more },
          counts: mutable(counts),
          ...(error !== undefined && { error }),
        })),
      };
      return json(200, answer);
    },
  },
  {
    id: 'runMaintenance',
    method: 'POST',
    path: `${MAINTENANCE}/run`,
    summary: 'Run Maintenance',
    description:
      "Wadi's own. Has all maintenance of every topic, or of one, done at once, due or not: heads are rolled, all small pieces merged, what has expired deleted, garbage collected. Without a topic, also whatever else is due, such as the purge of topics that were deleted. Answers before it is done.",
    tag: 'Maintenance (v3)',
    params: ClusterParams,
    accepts: { [JSON_TYPE]: RunRequest },
    answers: { 202: { [JSON_TYPE]: RunData } },
    errors: ['INVALID_REQUEST', 'UNKNOWN_TOPIC_OR_PARTITION', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request, access) {
      const { topic_name } = request.body.length === 0 ? {} : readRequest(request);
      if (topic_name !== undefined) access.require('DESCRIBE', topicResource(topic_name), 'topic_name');
      const { topics } = wadi;
      const topic = topic_name === undefined ? undefined : await topics.describe(topic_name);
      const run = await startRun(wadi, topic, MAINTENANCE_LIMITS, logError);
      return json(202, runData(clusterPlace(wadi, request), access, run));
    },
  },
  {
    id: 'getMaintenanceRun',
    method: 'GET',
    path: `${MAINTENANCE}/runs/{run_id}`,
    summary: 'Get Maintenance Run',
    description:
      "Wadi's own. What is left of a run, and what was done so far. Runs are forgotten after a week.",
    tag: 'Maintenance (v3)',
    params: RunParams,
    answers: { 200: { [JSON_TYPE]: RunData } },
    errors: ['KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request, access) {
      const { run_id } = runParams(request);
      const run = await readRun(wadi, run_id);
      if (run === undefined) throw new HttpError(404, `There is no run ${run_id}.`, { field: 'run_id' });
      return json(200, runData(clusterPlace(wadi, request), access, run));
    },
  },
];
