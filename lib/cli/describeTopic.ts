import { type Api, topicPath } from './api.ts';
import { byteSize } from './byteSize.ts';
import { table } from './table.ts';

const REQUESTS_AT_ONCE = 16;

interface Config {
  readonly name: string;
  readonly value: string;
  readonly is_default: boolean;
}

export interface PartitionOffsets {
  readonly partition_id: number;
  readonly earliest_offset: number;
  readonly latest_offset: number;
  /** Only where `offset_type` asked for one; -1 if there is none. */
  readonly offset?: number;
}

/** As `GET …/maintenance` tells it. */
interface Survey {
  readonly partition_id: number;
  readonly log_start_offset: number;
  readonly high_watermark: number;
  readonly size_bytes: number;
}

interface Broker {
  readonly broker_id: number;
  /** The region's name; null in a cluster of one. */
  readonly rack: string | null;
}

interface Replica {
  readonly broker_id: number;
  readonly is_in_sync: boolean;
}

/** For people to read. */
export async function describeTopic(api: Api, topic: string, allConfigs: boolean): Promise<string> {
  const path = topicPath(topic);
  const { data } = await api.get<{ data: Config[] }>(`${path}/configs`);
  const configs = data.filter((config) => allConfigs || !config.is_default);
  const surveys = await api.list<Survey>(`${path}/maintenance`);
  return [
    table([
      ['topic', topic],
      ['partitions', String(surveys.length)],
      ...(await replicaRows(api, path)),
      ['size', byteSize(surveys.reduce((sum, { size_bytes }) => sum + size_bytes, 0))],
    ]),
    configs.length === 0
      ? ''
      : table([
          ['config', 'value'],
          ...configs.map(({ name, value, is_default }) => [name, is_default ? `${value} (default)` : value]),
        ]),
    table([
      ['partition', 'earliest offset', 'latest offset', 'size'],
      ...surveys.map((it) => [
        ...[it.partition_id, it.log_start_offset, it.high_watermark].map(String),
        byteSize(it.size_bytes),
      ]),
    ]),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

/** All partitions have the same replicas. None are shown in a cluster of one region. */
async function replicaRows(api: Api, topic: string): Promise<string[][]> {
  const racks = new Map(
    (await api.list<Broker>('/brokers')).map(({ broker_id, rack }) => [broker_id, rack] as const),
  );
  if ([...racks.values()].every((rack) => rack === null)) return [];
  const replicas = await api.list<Replica>(`${topic}/partitions/0/replicas`);
  const named = (some: readonly Replica[]) =>
    some.map(({ broker_id }) => `${broker_id} (${racks.get(broker_id) ?? '?'})`).join(', ') || '-';
  return [
    ['replicas', named(replicas)],
    ['isr', named(replicas.filter(({ is_in_sync }) => is_in_sync))],
  ];
}

/** In the order of `partitions`. `offsetType`: as in the API's `offset_type`. */
export async function partitionOffsets(
  api: Api,
  topic: string,
  partitions: readonly number[],
  offsetType?: string,
): Promise<PartitionOffsets[]> {
  const query = offsetType === undefined ? {} : { offset_type: offsetType };
  const found: PartitionOffsets[] = [];
  for (let from = 0; from < partitions.length; from += REQUESTS_AT_ONCE) {
    const some = partitions.slice(from, from + REQUESTS_AT_ONCE);
    found.push(
      ...(await Promise.all(
        some.map((id) => api.get<PartitionOffsets>(`${topicPath(topic)}/partitions/${id}/offset`, query)),
      )),
    );
  }
  return found;
}
