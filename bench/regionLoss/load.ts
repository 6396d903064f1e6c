import { setTimeout as sleep } from 'node:timers/promises';
import { consumer } from '../../lib/client/consumer.ts';
import { producer } from '../../lib/client/producer.ts';
import { failover } from './failover.ts';

/** Of a producer, whose records go to a partition of its own. */
export interface ProducerLoad {
  readonly topic: string;
  readonly partition: number;
  readonly acks: 'all' | '1';
  /** The first is where it begins. */
  readonly fronts: readonly string[];
  /** Records a second, */
  readonly rate: number;
  /** of so many bytes. */
  readonly valueBytes: number;
}

export interface Acknowledged {
  /** `<partition>/<number>`, as the value begins. */
  readonly id: string;
  readonly partition: number;
  /** -1: it was there already when it was sent again. */
  readonly offset: number;
  readonly atMs: number;
}

export interface RunningProducer {
  readonly acknowledged: readonly Acknowledged[];
  /** Records that were given up: nobody knows whether they are there. */
  failed(): number;
  /** How often it was told that it is out of order, as it is where what it sent was lost, and began a new epoch. */
  begunAnew(): number;
  /** Sends no more; resolves when all that was sent is acknowledged, or given up. */
  stop(): Promise<void>;
}

/** See README: Errors. */
const OUT_OF_ORDER = 40901;
const TICK_MS = 20;
/** Records on their way: those beyond are not sent. */
const MAX_ON_THEIR_WAY = 1_000;

export function startProducer(load: ProducerLoad): RunningProducer {
  const { topic, partition, rate, valueBytes } = load;
  let begunAnew = 0;
  const toFront = failover(load.fronts, { acks: load.acks });
  const route: typeof globalThis.fetch = async (asked, init) => {
    const response = await toFront(asked, init);
    if (response.status === 409 && (await errorCodeOf(response.clone())) === OUT_OF_ORDER) begunAnew++;
    return response;
  };
  const sending = producer({ url: load.fronts[0]!, fetch: route, requestTimeoutMs: 10_000 });
  const acknowledged: Acknowledged[] = [];
  const onTheirWay = new Set<Promise<void>>();
  let number = 0;
  let failed = 0;
  let owed = 0;

  async function send(id: string): Promise<void> {
    const value = `${id} `.padEnd(valueBytes, '.');
    try {
      const [sent] = await sending.send({ topic, records: [{ value, partition }] });
      acknowledged.push({ id, partition, offset: sent!.offset, atMs: performance.now() });
    } catch {
      failed++;
    }
  }

  const timer = setInterval(() => {
    owed = Math.min(owed + (rate * TICK_MS) / 1_000, MAX_ON_THEIR_WAY - onTheirWay.size);
    for (; owed >= 1; owed--) {
      const sent: Promise<void> = send(`${partition}/${number++}`).finally(() => onTheirWay.delete(sent));
      onTheirWay.add(sent);
    }
  }, TICK_MS);

  return {
    acknowledged,
    failed: () => failed,
    begunAnew: () => begunAnew,
    async stop() {
      clearInterval(timer);
      await Promise.all(onTheirWay);
      await sending.close();
    },
  };
}

async function errorCodeOf(response: Response): Promise<number> {
  return ((await response.json()) as { error_code: number }).error_code;
}

export interface ConsumerLoad {
  readonly topic: string;
  readonly partitions: number;
  readonly groupId: string;
  readonly fronts: readonly string[];
}

export interface RunningConsumer {
  /** Ids of the records that it was given. */
  readonly seen: ReadonlySet<string>;
  stop(): Promise<void>;
}

export async function startConsumer(load: ConsumerLoad): Promise<RunningConsumer> {
  const { topic, partitions, groupId, fronts } = load;
  const reading = consumer({
    ...{ url: fronts[0]!, fetch: failover(fronts), groupId },
    ...{ autoOffsetReset: 'earliest', fetchMaxWaitMs: 500, requestTimeoutMs: 10_000 },
  });
  await reading.assign(Array.from({ length: partitions }, (_, partition) => ({ topic, partition })));
  const seen = new Set<string>();
  const ended = (async () => {
    for await (const { value } of reading) seen.add(idOf(value!));
  })();
  return {
    seen,
    async stop() {
      await reading.close();
      await ended;
    },
  };
}

export const idOf = (value: Uint8Array): string => Buffer.from(value).toString().split(' ', 1)[0]!;

/** Whether it was so in time. */
export async function within(ms: number, is: () => boolean | Promise<boolean>): Promise<boolean> {
  for (const endMs = performance.now() + ms; performance.now() < endMs; await sleep(50)) {
    if (await is()) return true;
  }
  return false;
}
