import { atOnce } from '../../atOnce.ts';
import { withRetries } from '../../log/retry.ts';
import { readNameHolder } from '../../topic/readTopic.ts';
import type { ApplicationDescription } from '../registry/describeApplication.ts';
import { ownTopicsOf } from '../registry/topicsOf.ts';
import { taskName } from '../runtime/application.ts';
import type { KnownTask } from '../runtime/readTasks.ts';
import { unlessGone } from '../runtime/unlessGone.ts';
import { type AdminContext, AT_ONCE } from './context.ts';
import { requireHeld } from './holdTasks.ts';

/** Of one page of a list of objects, and of one call that deletes them. */
const OBJECTS_PER_CALL = 1_000;

/**
 * Deletes the application's own topics, and the objects of its tasks, all of which are marked. Whoever is late with it, when another has reset
 * the application and workers have begun anew, takes nothing of theirs.
 */
export async function forgetState(
  context: AdminContext,
  application: ApplicationDescription,
  held: readonly KnownTask[],
): Promise<void> {
  const { storage, topics, clock } = context;
  const { applicationId } = application;
  const read = (name: string) => withRetries(clock, () => readNameHolder(storage.metadata, name));
  const found = await atOnce(ownTopicsOf(application), AT_ONCE, read);
  // What was found is what there was while nobody could make others: so whoever sleeps from here on deletes none of these.
  await requireHeld(context, applicationId, held);
  // Also one whose deletion somebody has begun: until it is done, it takes records of those who know it still.
  await atOnce(found, AT_ONCE, async (topic) => {
    if (topic !== undefined) await unlessGone(topics.delete(topic.name, { id: topic.id }));
  });
  const epochs = new Map(held.map(({ id, state }) => [taskName(id), state.epoch]));
  for (const root of ['streams', 'snapshots'])
    await deleteObjects(context, `${root}/${applicationId}/`, epochs);
}

/** `<prefix><task>/<epoch>-…`, up to the epoch in which the task was marked. */
async function deleteObjects(
  { storage, clock }: AdminContext,
  prefix: string,
  epochs: ReadonlyMap<string, number>,
): Promise<void> {
  for (let after: string | undefined; ; ) {
    const options = { limit: OBJECTS_PER_CALL, ...(after !== undefined && { after }) };
    const page = await withRetries(clock, () => storage.objects.list(prefix, options));
    const keys = page.objects.map(({ key }) => key);
    const old = keys.filter((key) => {
      const [task = '', rest = ''] = key.slice(prefix.length).split('/');
      return Number.parseInt(rest, 10) <= (epochs.get(task) ?? -1);
    });
    if (old.length > 0) await withRetries(clock, () => storage.objects.delete(old));
    if (page.next === undefined) return;
    after = page.next;
  }
}
