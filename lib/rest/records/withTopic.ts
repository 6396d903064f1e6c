import { WadiError } from '../../errors.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Wadi } from '../../wadi.ts';

/**
 * Runs with the topic as this process remembers it, and reads it again only where the memory may be why something is
 * missing: `partition` is beyond it, or the topic was deleted and made anew, so that nothing was done yet.
 */
export async function withTopic<T>(
  wadi: Wadi,
  name: string,
  partition: number,
  run: (topic: Topic) => Promise<T>,
): Promise<T> {
  const remembered = await wadi.topics.lookup(name);
  if (partition >= remembered.partitions) return run(await wadi.topics.describe(name));
  try {
    return await run(remembered);
  } catch (error) {
    if (!(error instanceof WadiError) || error.kafka !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
    const current = await wadi.topics.describe(name);
    if (current.id === remembered.id) throw error;
    return run(current);
  }
}
