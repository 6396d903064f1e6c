import type { RecordHeader } from '../../record/record.ts';
import { isKafkaError } from '../clientError.ts';
import { randomName } from '../clock.ts';
import { segment } from '../cluster.ts';
import type { Answer, ApiRequest, CallOptions, Connection } from '../connection.ts';
import { orDone } from '../orDone.ts';
import { decodeBase64 } from './base64.ts';
import type { CommitOffset, PartitionName, SeekPosition, Subscription } from './partitions.ts';

/** A record as a consumer gets it. */
export interface ConsumerRecord extends PartitionName {
  readonly offset: number;
  /** In ms since the Unix epoch. */
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

/** What a heartbeat answers. */
export interface Heartbeat {
  readonly epoch: number;
  readonly heartbeatIntervalMs: number;
  readonly assigned: readonly (PartitionName & { readonly position: number })[];
  readonly revoking: readonly PartitionName[];
}

/** What a poll answers. */
export interface Page {
  readonly records: readonly ConsumerRecord[];
  readonly epoch: number;
  /** How many partitions wait for the instance to confirm that it has stopped. */
  readonly revoking: number;
}

export interface PollOptions {
  /** How long the server waits for records, */
  readonly waitMs: number;
  /** and the client for the server. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * One consumer instance over HTTP: REST Proxy v2's, with Wadi's heartbeat. All throw ClientError; FENCED_INSTANCE_ID, and change
 * nothing, if another instance has taken the name.
 */
export interface Instance {
  subscribe(subscription: Subscription, signal: AbortSignal): Promise<void>;
  assign(partitions: readonly PartitionName[], signal: AbortSignal): Promise<void>;
  /** Ends both. This and `leave` resolve also if it is gone already, or its name is another's. */
  unsubscribe(signal: AbortSignal): Promise<void>;
  heartbeat(revoked: readonly PartitionName[], signal: AbortSignal): Promise<Heartbeat>;
  /** One attempt. The same records again, until some were answered: then come those behind them. */
  poll(options: PollOptions): Promise<Page>;
  seek(positions: readonly SeekPosition[], signal: AbortSignal): Promise<void>;
  commit(offsets: readonly CommitOffset[], options?: CallOptions): Promise<void>;
  /** Of the partitions that the instance holds, those of which the group has committed something. */
  committed(options?: CallOptions): Promise<readonly CommitOffset[]>;
  leave(options?: CallOptions): Promise<void>;
}

const MEMBER_ID_HEADER = 'wadi-member-id';

/** In Kafka's words, as the API takes it. */
export type InstanceConfig = Readonly<Record<string, string | number | boolean | undefined>>;

/** Makes an instance with a name of our own, so that the request may be repeated; a static member's is its id. */
export async function createInstance(
  connection: Connection,
  groupId: string,
  config: InstanceConfig,
  signal: AbortSignal,
): Promise<Instance> {
  const name = String(config['group.instance.id'] ?? randomName());
  const group = `/consumers/${segment(groupId, 'groupId')}`;
  const root = `${group}/instances/${segment(name, 'groupInstanceId')}`;
  const body = { ...config, name, format: 'binary' };
  const memberId = await orDone(
    async () => {
      const { headers } = await connection.ask({ method: 'POST', path: group, body }, { signal });
      return headers.get(MEMBER_ID_HEADER);
    },
    'UNRELEASED_INSTANCE_ID',
    async () => {
      const request = { method: 'POST', path: `${root}/heartbeat`, body: {} } as const;
      return (await connection.call<HeartbeatAnswer>(request, { signal })).member_id;
    },
  );
  return instanceAt(connection, root, { [MEMBER_ID_HEADER]: memberId! });
}

interface HeartbeatAnswer {
  readonly member_id: string;
  readonly member_epoch: number;
  readonly heartbeat_interval_ms: number;
  readonly assigned: Heartbeat['assigned'];
  readonly revoking: Heartbeat['revoking'];
}

interface RecordAnswer extends PartitionName {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers?: readonly { readonly key: string; readonly value: string | null }[];
}

const RECORDS_TYPE = 'application/vnd.kafka.binary.v2+json';

/** `headers`: of each request, so that no call is taken for one of whoever has the name by now. */
function instanceAt(
  connection: Connection,
  root: string,
  headers: Readonly<Record<string, string>>,
): Instance {
  const keys = randomName();
  let polls = 0;
  const call = <T>(method: ApiRequest['method'], path: string, body: unknown, options?: CallOptions) =>
    connection.call<T>({ method, path: `${root}${path}`, headers, body }, options);
  const post = (path: string, body: unknown, options?: CallOptions) =>
    call<void>('POST', path, body, options);

  return {
    subscribe(subscription, signal) {
      const body = 'topics' in subscription ? subscription : { topic_pattern: subscription.pattern };
      return post('/subscription', body, { signal });
    },

    assign: (partitions, signal) => post('/assignments', { partitions: partitions.map(nameOf) }, { signal }),

    unsubscribe: (signal) => call<void>('DELETE', '/subscription', undefined, { signal }).catch(unlessGone),

    async heartbeat(revoked, signal) {
      const body = { revoked: revoked.map(nameOf) };
      const answer = await call<HeartbeatAnswer>('POST', '/heartbeat', body, { signal });
      return {
        epoch: answer.member_epoch,
        heartbeatIntervalMs: answer.heartbeat_interval_ms,
        assigned: answer.assigned,
        revoking: answer.revoking,
      };
    },

    async poll({ waitMs, timeoutMs, signal }) {
      const request = {
        method: 'GET',
        path: `${root}/records`,
        query: { timeout: Math.max(1, waitMs) },
        headers: { ...headers, accept: RECORDS_TYPE, 'idempotency-key': `${keys}/${polls}` },
      } as const;
      const { headers: told, body }: Answer<readonly RecordAnswer[]> = await connection
        .attempt<readonly RecordAnswer[]>(request, { signal, timeoutMs })
        .catch((error) => {
          if (isKafkaError(error, 'INVALID_FETCH_SESSION_EPOCH')) polls++;
          throw error;
        });
      // One that nobody heard of may yet find records: then the same key gives them. Earlier keys find none any more.
      if (body.length > 0) polls++;
      return {
        records: body.map(recordOf),
        epoch: Number(told.get('wadi-member-epoch')),
        revoking: Number(told.get('wadi-revoking') ?? 0),
      };
    },

    async seek(positions, signal) {
      const to = (end: SeekPosition['offset']) =>
        positions.filter(({ offset }) => offset === end).map(nameOf);
      const offsets = positions.filter(({ offset }) => typeof offset === 'number');
      const [earliest, latest] = [to('earliest'), to('latest')];
      if (offsets.length > 0) {
        const body = { offsets: offsets.map((each) => ({ ...nameOf(each), offset: each.offset })) };
        await post('/positions', body, { signal });
      }
      if (earliest.length > 0) await post('/positions/beginning', { partitions: earliest }, { signal });
      if (latest.length > 0) await post('/positions/end', { partitions: latest }, { signal });
    },

    commit(offsets, options) {
      const body = {
        offsets: offsets.map(({ offset, metadata, ...name }) => ({ ...nameOf(name), offset, metadata })),
      };
      return post('/offsets', body, options);
    },

    async committed(options) {
      return (await call<{ offsets: CommitOffset[] }>('GET', '/offsets', undefined, options)).offsets;
    },

    leave: (options) => call<void>('DELETE', '', undefined, options).catch(unlessGone),
  };
}

function unlessGone(error: unknown): void {
  if (!isKafkaError(error, 'UNKNOWN_MEMBER_ID') && !isKafkaError(error, 'FENCED_INSTANCE_ID')) throw error;
}

const nameOf = ({ topic, partition }: PartitionName): PartitionName => ({ topic, partition });
const bytesOf = (text: string | null): Uint8Array | null => (text === null ? null : decodeBase64(text));

function recordOf({ key, value, headers = [], ...rest }: RecordAnswer): ConsumerRecord {
  return {
    ...rest,
    key: bytesOf(key),
    value: bytesOf(value),
    headers: headers.map((header) => ({ key: header.key, value: bytesOf(header.value) })),
  };
}
