import { webClock } from './clock.ts';
import { type Cluster, topicPath } from './cluster.ts';

export interface Topics {
  /** How many partitions a topic has, as far as this client knows. Throws UNKNOWN_TOPIC_OR_PARTITION. */
  partitions(topic: string): Promise<number>;
}

interface Known {
  readonly partitions: Promise<number>;
  readonly askedAtMs: number;
}

/** `maxAgeMs`: after so long a topic may have got more partitions. `signal` ends what is asked. */
export function createTopics(cluster: Cluster, maxAgeMs: number, signal: AbortSignal): Topics {
  const topics = new Map<string, Known>();

  async function ask(topic: string): Promise<number> {
    const { partitions_count } = await cluster.call<{ partitions_count: number }>(
      { method: 'GET', path: topicPath(topic) },
      { signal },
    );
    return partitions_count;
  }

  return {
    partitions(topic) {
      const nowMs = webClock.now();
      const known = topics.get(topic);
      if (known !== undefined && nowMs - known.askedAtMs < maxAgeMs) return known.partitions;
      const asked = { partitions: ask(topic), askedAtMs: nowMs };
      topics.set(topic, asked);
      asked.partitions.catch(() => {
        if (topics.get(topic) === asked) topics.delete(topic);
      });
      return asked.partitions;
    },
  };
}
