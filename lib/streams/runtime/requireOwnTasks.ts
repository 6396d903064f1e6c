import { WadiError } from '../../errors.ts';
import { type StreamsApplication, sourceTopics } from './application.ts';
import { readTasks } from './readTasks.ts';

/**
 * Throws INVALID_REQUEST if a sub-topology would go on with the tasks of one that read other topics, as they are numbered alike: its own records
 * would count again. One that reads more topics or fewer goes on. Reads the items of all tasks, 100 a page.
 */
export async function requireOwnTasks(
  context: Parameters<typeof readTasks>[0],
  application: StreamsApplication,
): Promise<void> {
  const { applicationId, topology } = application;
  for (const { id, state } of await readTasks(context, applicationId)) {
    const subtopology = topology.subtopologies[id.subtopology];
    // After a reset it has positions, but has seen no time.
    if (subtopology === undefined || state.times.streamTimeMs < 0) continue;
    const before = Object.keys(state.positions);
    const now = sourceTopics(application, subtopology);
    if (before.some((topic) => now.includes(topic))) continue;
    throw new WadiError(
      'INVALID_REQUEST',
      `Sub-topology ${id.subtopology} of application '${applicationId}' reads ${now.join(', ')} now, and has read ${before.join(', ')}: give it another applicationId, or 'wadi streams reset' or 'delete' this one before.`,
    );
  }
}
