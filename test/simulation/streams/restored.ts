import { changelogTopic } from '../../../lib/streams/runtime/application.ts';
import { restoreTask } from '../../../lib/streams/runtime/restoreTask.ts';
import { parseTask, taskKey } from '../../../lib/streams/runtime/taskItem.ts';
import type { KeyValueStore } from '../../../lib/streams/state/keyValueStore.ts';
import type { ValueAndTimestamp } from '../../../lib/streams/state/timestamped.ts';
import { createTask } from '../../../lib/streams/task/task.ts';
import type { Wadi } from '../../../lib/wadi.ts';
import { COUNTS_STORE, MOODS_STORE, wordsAndMoods } from './application.ts';
import type { Rest } from './check.ts';

/** The stores as tasks that begin anew have them, from the last snapshot if that is of use. */
export async function restoredStores(
  { log, topics, clock, storage }: Wadi,
  partitions: number,
): Promise<Pick<Rest, 'counts' | 'moodOf'>> {
  const { topology, applicationId } = wordsAndMoods();
  async function rowsOf<V>(name: string): Promise<Map<string, V>> {
    const subtopology = topology.subtopologies.find(({ stores }) =>
      stores.some((store) => store.name === name),
    )!;
    const changelogs = new Map([[name, await topics.describe(changelogTopic(applicationId, name))]]);
    const rows = new Map<string, V>();
    for (let partition = 0; partition < partitions; partition++) {
      const id = { subtopology: subtopology.id, partition };
      const { snapshot } = parseTask(await storage.groups.get(taskKey(applicationId, id)));
      const begin = () => createTask({ partition, subtopology, nowMs: 0 });
      let task = begin();
      const context = { log, clock, objects: storage.objects };
      if ((await restoreTask(context, task, changelogs, snapshot)) === undefined) {
        task = begin();
        await restoreTask(context, task, changelogs, undefined);
      }
      const store = task.store(name) as KeyValueStore<string, ValueAndTimestamp<V>>;
      for (const { key, value } of store.all()) rows.set(key, value.value);
    }
    return rows;
  }
  return { counts: await rowsOf<number>(COUNTS_STORE), moodOf: await rowsOf<string>(MOODS_STORE) };
}
