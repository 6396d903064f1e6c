import type { ResetSpec } from '../../../lib/group/groups.ts';
import type { Offset } from '../../../lib/verify/groups/history.ts';
import { count } from '../faults.ts';
import { type Client, currentTopic, isKafka, pause, requireRetriable } from './client.ts';
import { callGroups, idOf } from './groupCall.ts';

/** Looks at a group, resets and deletes its positions, and deletes it: where nobody holds what is to be changed. */
export async function groupOperator(client: Client, operations: number, groupId: string): Promise<void> {
  const { random, coverage } = client;
  for (let n = 0; n < operations; n++) {
    await pause(client, random.chance(0.5) ? random.between(10, 500) : random.between(500, 3_000));
    const topic = await currentTopic(client);
    const all = Array.from({ length: topic.partitions }, (_, partition) => ({
      topic: topic.name,
      partition,
    }));
    const some = all.filter(() => random.chance(0.6));
    const partitions = some.map(idOf);
    const act = random.below(100);
    if (act < 35) {
      await ask(client, { kind: 'committed', groupId, partitions }, async (groups) => {
        const found = await groups.committed(groupId, some);
        return found.flatMap((one, i): Offset[] =>
          one === undefined
            ? []
            : [{ partition: partitions[i]!, offset: one.offset, metadata: one.metadata }],
        );
      });
    } else if (act < 55) {
      const to = random.pick<ResetSpec>(['earliest', 'latest', { shift: -2 }, { shift: 1 }, { offset: 1 }]);
      const done = await ask(client, { kind: 'reset', groupId, partitions }, async (groups) => {
        const results = await groups.reset(groupId, some, to);
        return results.map((one): Offset => ({ partition: idOf(one), offset: one.offset, metadata: '' }));
      });
      if (done && some.length > 0) count(coverage, 'positionReset');
    } else if (act < 67) {
      const done = await ask(client, { kind: 'deletePositions', groupId, partitions }, async (groups) => {
        await groups.deletePositions(groupId, some);
        return undefined;
      });
      if (done && some.length > 0) count(coverage, 'positionDeleted');
    } else if (act < 85) {
      await ask(client, { kind: 'deleteGroup', groupId }, async (groups) => {
        await groups.delete(groupId);
        return undefined;
      });
    } else {
      const { answer } = await serve(client, async (groups) => {
        const lags = await groups.lags(groupId);
        await groups.describe(groupId);
        return lags.find(({ committedOffset, logEndOffset }) => committedOffset > logEndOffset);
      });
      if (answer?.is === 'ok' && answer.value !== undefined)
        client.recorder.unexpected.push(
          `${groupId} has committed beyond the end: ${JSON.stringify(answer.value)}`,
        );
    }
  }
}

/** What an operator may be told of a group that is in use, or is not there; or by a process that has yet to hear of a new partition. */
const REFUSALS = [
  'NON_EMPTY_GROUP',
  'GROUP_ID_NOT_FOUND',
  'GROUP_SUBSCRIBED_TO_TOPIC',
  'UNKNOWN_TOPIC_OR_PARTITION',
] as const;

async function ask(
  client: Client,
  asked: Parameters<typeof callGroups>[1],
  work: (groups: Parameters<Parameters<typeof callGroups>[2]>[0]) => Promise<readonly Offset[] | undefined>,
): Promise<boolean> {
  const came = await callGroups(client, asked, work, (answered) => (answered ? { answered } : {}));
  if (came.is === 'failed' && !REFUSALS.some((name) => isKafka(came.error, name)))
    requireRetriable(client, came.error!, asked.kind);
  return came.is === 'ok';
}

async function serve<T>(
  client: Client,
  work: (groups: Parameters<Parameters<typeof callGroups>[2]>[0]) => Promise<T>,
) {
  const answer = await client.anyProcess().serve(({ groups }) => work(groups));
  if (answer.is === 'error') {
    const error = client.recorder.failure(answer.error);
    if (!REFUSALS.some((name) => isKafka(error, name))) requireRetriable(client, error, 'look at a group');
  }
  return { answer };
}
