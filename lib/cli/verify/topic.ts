import { createApi, topicPath } from '../api.ts';
import { CliError } from '../cliError.ts';
import { type TopicClient, topicClient } from './client.ts';

/** The topic that a run works on. */
export interface VerifyTopic {
  readonly name: string;
  /** Where it was made. */
  readonly url: string;
  readonly client: TopicClient;
  remove(): Promise<void>;
}

export async function createTopic(url: () => string, name: string, partitions: number): Promise<VerifyTopic> {
  const api = await createApi(url());
  const body = JSON.stringify({ topic_name: name, partitions_count: partitions });
  const made = await api.send<{ cluster_id?: unknown } | undefined>('POST', '/topics', body);
  if (typeof made?.cluster_id !== 'string') {
    throw new CliError(`${api.url} is no Wadi: it makes a topic, but does not tell of which cluster`);
  }
  return {
    name,
    url: api.url,
    client: topicClient(url, made.cluster_id, name),
    async remove() {
      // Another process may serve by now.
      await (await createApi(url())).send('DELETE', topicPath(name));
    },
  };
}
