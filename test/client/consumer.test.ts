import { setTimeout as delay } from 'node:timers/promises';
import {
  type Consumer,
  type ConsumerOptions,
  type ConsumerRecord,
  consumer,
  type PartitionName,
  producer,
} from '../../lib/client/index.ts';
import { type Fate, type ProxyRequest, randomFrom, weather } from './proxy.ts';
import { impatient, type Service, startService, text } from './support.ts';

let service: Service;
let names = 0;
let open: Consumer[] = [];

beforeAll(async () => {
  service = await startService();
});
afterAll(() => service[Symbol.asyncDispose]());
beforeEach(() => {
  service.proxy.fate = () => 'pass';
  service.proxy.requests.length = 0;
});
afterEach(async () => {
  service.proxy.fate = () => 'pass';
  await Promise.all(open.map((each) => each.close({ timeoutMs: 1_000 })));
  open = [];
});

async function newTopic(partitions = 1): Promise<string> {
  const name = `topic-${names++}`;
  await service.cluster.wadi.topics.create({ name, partitions });
  return name;
}

const newGroup = () => `group-${names++}`;

/** Straight to the cluster. Values are numbered per partition. */
async function produce(topic: string, count: number, partition = 0, from = 0): Promise<void> {
  const { send, close } = producer({ url: service.cluster.url });
  const records = Array.from({ length: count }, (_, i) => ({ partition, value: `${partition}/${from + i}` }));
  await send({ topic, records });
  await close();
}

function start(groupId: string, options: Partial<ConsumerOptions> = {}): Consumer {
  const created = consumer({
    url: service.proxy.url,
    groupId,
    autoOffsetReset: 'earliest',
    fetchMaxWaitMs: 300,
    ...impatient,
    ...options,
  });
  open.push(created);
  return created;
}

/** The values of so many records. */
async function take(from: AsyncIterable<ConsumerRecord>, count: number): Promise<string[]> {
  const values: string[] = [];
  for await (const record of from) {
    values.push(text(record.value)!);
    // The loop is done with the last one too, when it asks for one more.
    if (values.length === count + 1) break;
  }
  return values.slice(0, count);
}

/** Reads until `isDone`, and leaves the loop behind the record. */
async function read(
  from: Consumer,
  onRecord: (value: string) => void | Promise<void>,
  isDone: () => boolean,
) {
  const stop = new AbortController();
  const reading = (async () => {
    for await (const record of from.records({ signal: stop.signal })) await onRecord(text(record.value)!);
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  let isOver = false;
  const over = reading.finally(() => {
    isOver = true;
  });
  await until(() => isOver || isDone());
  void over.catch(() => undefined);
  // Time for the last record's loop body.
  await delay(20);
  stop.abort();
  await reading;
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await delay(5);
}

const numbered = (count: number, partition = 0) =>
  Array.from({ length: count }, (_, i) => `${partition}/${i}`);

async function committed(groupId: string, topic: string, partition = 0): Promise<number> {
  const [found] = await service.cluster.wadi.groups.committed(groupId, [{ topic, partition }]);
  return found?.offset ?? -1;
}

const isPoll = ({ method, path }: ProxyRequest) => method === 'GET' && path.includes('/records');
const isCommit = ({ method, path }: ProxyRequest) => method === 'POST' && path.endsWith('/offsets');

describe('a consumer', () => {
  test('reads what is there and what comes, with all that belongs to a record', async () => {
    const topic = await newTopic();
    const { send, close } = producer({ url: service.cluster.url });
    await send({
      topic,
      records: [
        {
          key: 'k',
          value: Uint8Array.of(0, 255, 1),
          headers: [
            { key: 'h', value: null },
            { key: 'i', value: 'j' },
          ],
          timestamp: 7,
        },
        { value: null },
      ],
    });
    const reader = start(newGroup());
    await reader.subscribe({ topics: [topic] });
    const records: ConsumerRecord[] = [];
    for await (const record of reader) {
      records.push(record);
      if (records.length === 2) void send({ topic, records: [{ value: 'later' }] });
      if (records.length === 3) break;
    }
    await close();
    expect(records[0]).toMatchObject({ topic, partition: 0, offset: 0, timestamp: 7 });
    expect(text(records[0]!.key)).toBe('k');
    expect([...records[0]!.value!]).toEqual([0, 255, 1]);
    expect(records[0]!.headers.map(({ key, value }) => [key, text(value)])).toEqual([
      ['h', null],
      ['i', 'j'],
    ]);
    expect(records[1]).toMatchObject({ key: null, value: null, headers: [] });
    expect(text(records[2]!.value)).toBe('later');
  });

  test('commits what the loop is done with, and the next goes on behind it', async () => {
    const topic = await newTopic();
    const group = newGroup();
    await produce(topic, 10);
    const first = start(group, { maxPollRecords: 3 });
    await first.subscribe({ topics: [topic] });
    expect(await take(first, 4)).toEqual(numbered(4));
    await first.close();
    expect(await committed(group, topic)).toBe(4);
    const second = start(group);
    await second.subscribe({ topics: [topic] });
    expect(await take(second, 5)).toEqual(numbered(10).slice(4, 9));
  });

  test('gives again what the loop was left with', async () => {
    const topic = await newTopic();
    await produce(topic, 5);
    const reader = start(newGroup());
    await reader.subscribe({ topics: [topic] });
    const values: string[] = [];
    for await (const { value } of reader) {
      values.push(text(value)!);
      if (values.length === 2) break;
    }
    const failed = (async () => {
      for await (const { value } of reader) {
        values.push(text(value)!);
        throw new Error('mine');
      }
    })();
    await expect(failed).rejects.toThrow('mine');
    expect(values).toEqual(['0/0', '0/1', '0/1']);
    expect(await take(reader, 3)).toEqual(['0/1', '0/2', '0/3']);
  });

  test('commits at intervals, never beyond what the loop is done with', async () => {
    const topic = await newTopic();
    const group = newGroup();
    await produce(topic, 30);
    const reader = start(group, { autoCommitIntervalMs: 10, maxPollRecords: 7 });
    await reader.subscribe({ topics: [topic] });
    let done = 0;
    const seen: [number, number][] = [];
    await read(
      reader,
      async () => {
        seen.push([await committed(group, topic), done]);
        await delay(5);
        done++;
      },
      () => done === 30,
    );
    expect(seen.filter(([at, done]) => at > done)).toEqual([]);
    expect(seen.some(([at]) => at > 0)).toBe(true);
    await reader.close();
    expect(await committed(group, topic)).toBe(30);
  });

  test('leaves commits to the loop if it is told to', async () => {
    const topic = await newTopic();
    const group = newGroup();
    await produce(topic, 5);
    const reader = start(group, { enableAutoCommit: false });
    await reader.subscribe({ topics: [topic] });
    for await (const { offset } of reader) {
      if (offset === 1) await reader.commit();
      if (offset === 3) break;
    }
    expect(await committed(group, topic)).toBe(2);
    await reader.commit([{ topic, partition: 0, offset: 1, metadata: 'mine' }]);
    expect(await committed(group, topic)).toBe(1);
    await expect(reader.commit([{ topic, partition: 0, offset: 9 }])).rejects.toMatchObject({
      kafka: 'OFFSET_OUT_OF_RANGE',
    });
    await reader.close();
    expect(await committed(group, topic)).toBe(1);
  });

  test('does not give again what was committed in the loop, if that is left', async () => {
    const topic = await newTopic();
    await produce(topic, 4);
    const reader = start(newGroup(), { enableAutoCommit: false });
    await reader.subscribe({ topics: [topic] });
    for await (const { offset } of reader) {
      if (offset < 1) continue;
      await reader.commit();
      break;
    }
    expect(await take(reader, 1)).toEqual(['0/2']);
  });

  test('commits where it begins, of which it has read nothing, when it is closed', async () => {
    const topic = await newTopic();
    const group = newGroup();
    const latest = { autoOffsetReset: 'latest', autoCommitIntervalMs: 600_000 } as const;
    const first = start(group, latest);
    await first.subscribe({ topics: [topic] });
    const reading = take(first, 1);
    await until(() => service.proxy.requests.filter(isPoll).length > 1);
    await first.close();
    await reading;
    expect(await committed(group, topic)).toBe(0);
    await produce(topic, 2);
    const second = start(group, latest);
    await second.subscribe({ topics: [topic] });
    expect(await take(second, 1)).toEqual(['0/0']);
  });

  test('commits where it begins at intervals, and when it is told to', async () => {
    const topic = await newTopic();
    await produce(topic, 3);
    for (const options of [{ autoCommitIntervalMs: 10 }, { enableAutoCommit: false }]) {
      const group = newGroup();
      const reader = start(group, { autoOffsetReset: 'latest', ...options });
      await reader.subscribe({ topics: [topic] });
      const reading = take(reader, 1);
      while ((await committed(group, topic)) < 0) {
        if (options.enableAutoCommit === false) await reader.commit();
        await delay(5);
      }
      expect(await committed(group, topic)).toBe(3);
      await reader.close();
      await reading;
    }
  });

  test('commits nothing of its own where somebody has committed', async () => {
    const topic = await newTopic();
    const group = newGroup();
    await produce(topic, 3);
    await service.cluster.wadi.groups.reset(group, [{ topic, partition: 0 }], { offset: 1 });
    const reader = start(group);
    await reader.subscribe({ topics: [topic] });
    await reader.close();
    expect(await committed(group, topic)).toBe(1);
    expect(service.proxy.requests.filter(isCommit)).toEqual([]);
  });

  test('commits where it was sought', async () => {
    const topic = await newTopic();
    const group = newGroup();
    await produce(topic, 5);
    const reader = start(group, { enableAutoCommit: false });
    await reader.subscribe({ topics: [topic] });
    for await (const { offset } of reader) {
      if (offset === 3) reader.seek([{ topic, partition: 0, offset: 1 }]);
      if (offset === 3) break;
    }
    await reader.commit();
    expect(await committed(group, topic)).toBe(1);
    reader.seek([{ topic, partition: 0, offset: 'latest' }]);
    await reader.commit();
    expect(await committed(group, topic)).toBe(1);
    const next = reader.records().next();
    while ((await committed(group, topic)) === 1) {
      await delay(5);
      await reader.commit();
    }
    expect(await committed(group, topic)).toBe(5);
    await produce(topic, 1, 0, 5);
    expect((await next).value).toMatchObject({ offset: 5 });
  });

  test('goes on where auto.offset.reset says when it was sought beyond the end', async () => {
    const topic = await newTopic();
    const group = newGroup();
    await produce(topic, 3);
    const reader = start(group, { autoOffsetReset: 'earliest', autoCommitIntervalMs: 10 });
    await reader.subscribe({ topics: [topic] });
    reader.seek([{ topic, partition: 0, offset: 100 }]);
    expect(await take(reader, 2)).toEqual(['0/0', '0/1']);
    await reader.close();
    expect(await committed(group, topic)).toBe(2);
  });

  test('gives records by the batch', async () => {
    const topic = await newTopic(2);
    const group = newGroup();
    await produce(topic, 5);
    await produce(topic, 5, 1);
    const reader = start(group);
    await reader.subscribe({ topics: [topic] });
    const found: [number, number][] = [];
    for await (const { partition, records } of reader.batches()) {
      found.push([partition, records.length]);
      if (found.length === 2) await reader.commit();
      if (found.length === 2) break;
    }
    expect(found.sort()).toEqual([
      [0, 5],
      [1, 5],
    ]);
    expect([await committed(group, topic), await committed(group, topic, 1)]).toEqual([5, 5]);
  });

  test('seeks, pauses and resumes', async () => {
    const topic = await newTopic(2);
    await produce(topic, 6);
    await produce(topic, 6, 1);
    const reader = start(newGroup(), { maxPollRecords: 2 });
    await reader.subscribe({ topics: [topic] });
    await until(() => reader.assignment().length === 2);
    reader.pause([{ topic, partition: 1 }]);
    expect(await take(reader, 4)).toEqual(numbered(4));
    reader.resume([{ topic, partition: 1 }]);
    reader.pause([{ topic, partition: 0 }]);
    expect(await take(reader, 5)).toEqual(numbered(5, 1));
    reader.seek([{ topic, partition: 1, offset: 1 }]);
    expect(await take(reader, 2)).toEqual(['1/1', '1/2']);
    reader.seek([{ topic, partition: 1, offset: 'latest' }]);
    reader.resume([{ topic, partition: 0 }]);
    expect(await take(reader, 1)).toEqual(['0/4']);
    reader.seek([{ topic, partition: 0, offset: 'earliest' }]);
    expect(await take(reader, 5)).toEqual(numbered(5));
    expect(() => reader.seek([{ topic, partition: 2, offset: 0 }])).toThrow('not assigned');
  });

  test('forgets nothing of a partition that is paused while records come', async () => {
    const topic = await newTopic(2);
    await produce(topic, 3);
    const reader = start(newGroup(), { fetchMaxWaitMs: 20 });
    await reader.subscribe({ topics: [topic] });
    await until(() => reader.assignment().length === 2);
    expect(await take(reader, 1)).toEqual(['0/0']);
    reader.pause([{ topic, partition: 0 }]);
    await produce(topic, 3, 0, 3);
    await produce(topic, 3, 1);
    expect(await take(reader, 2)).toEqual(numbered(2, 1));
    await produce(topic, 3, 0, 6);
    reader.resume([{ topic, partition: 0 }]);
    const values = new Set<string>();
    await read(
      reader,
      (value) => void values.add(value),
      () => values.size === 9,
    );
    expect([...values].filter((value) => value.startsWith('0/'))).toEqual(numbered(9).slice(1));
  });

  test('reads partitions that it is assigned by hand, from where it is told', async () => {
    const topic = await newTopic(3);
    for (const partition of [0, 1, 2]) await produce(topic, 4, partition);
    const reader = start(newGroup());
    await reader.assign([
      { topic, partition: 1, offset: 2 },
      { topic, partition: 2, offset: 'latest' },
    ]);
    const values: string[] = [];
    await read(
      reader,
      (value) => void values.push(value),
      () => values.length === 2,
    );
    await produce(topic, 1, 2, 4);
    await read(
      reader,
      (value) => void values.push(value),
      () => values.length === 3,
    );
    expect(values).toEqual(['1/2', '1/3', '2/4']);
  });

  test('reads topics by a pattern', async () => {
    const topic = await newTopic();
    await produce(topic, 2);
    const reader = start(newGroup());
    await reader.subscribe({ pattern: `${topic.slice(0, -1)}[${topic.at(-1)}]` });
    expect(await take(reader, 1)).toEqual(['0/0']);
    await expect(reader.subscribe({ pattern: '(' })).rejects.toMatchObject({
      kafka: 'INVALID_REGULAR_EXPRESSION',
    });
  });

  test('changes to another kind of subscription when the one before has ended', async () => {
    const [one, other, third] = [await newTopic(), await newTopic(), await newTopic()];
    for (const topic of [one, other, third]) await produce(topic, 2);
    const group = newGroup();
    const told: string[] = [];
    const reader = start(group, {
      onAssigned: ([name]) => void told.push(`+ ${name!.topic}`),
      onRevoked: ([name]) => void told.push(`- ${name!.topic}`),
    });
    await reader.subscribe({ topics: [one] });
    expect(await take(reader, 1)).toEqual(['0/0']);
    await expect(reader.subscribe({ pattern: other })).rejects.toMatchObject({ status: 409 });
    await reader.unsubscribe();
    expect(reader.assignment()).toEqual([]);
    expect(await committed(group, one)).toBe(1);
    await expect(take(reader, 1)).rejects.toThrow('neither a subscription');
    await reader.subscribe({ pattern: other });
    expect(await take(reader, 1)).toEqual(['0/0']);
    await reader.unsubscribe();
    await reader.assign([{ topic: third, partition: 0 }]);
    expect(await take(reader, 1)).toEqual(['0/0']);
    expect(told).toEqual([`+ ${one}`, `- ${one}`, `+ ${other}`, `- ${other}`, `+ ${third}`]);
  });

  test('tells what keeps it from reading, and can be used on', async () => {
    const topic = await newTopic();
    await produce(topic, 1);
    const reader = start(newGroup(), { autoOffsetReset: 'none' });
    await expect(take(reader, 1)).rejects.toThrow('neither a subscription');
    await reader.subscribe({ topics: [topic] });
    await expect(take(reader, 1)).rejects.toMatchObject({ kafka: 'OFFSET_OUT_OF_RANGE' });
    reader.seek([{ topic, partition: 0, offset: 0 }]);
    await produce(topic, 1, 0, 1);
    expect(await take(reader, 1)).toEqual(['0/0']);
  });

  test('ends a loop by its signal, and by closing', async () => {
    const topic = await newTopic();
    const reader = start(newGroup(), { fetchMaxWaitMs: 10_000 });
    await reader.subscribe({ topics: [topic] });
    const reason = new Error('enough');
    const stop = new AbortController();
    setTimeout(() => stop.abort(reason), 20);
    const waiting = reader.records({ signal: stop.signal });
    await expect(waiting.next()).rejects.toBe(reason);
    const again = reader.records();
    const next = again.next();
    await expect(reader.records().next()).rejects.toThrow('a loop');
    await delay(20);
    await reader.close();
    expect(await next).toEqual({ done: true, value: undefined });
    await expect(reader.subscribe({ topics: [topic] })).rejects.toThrow('closed');
  });

  test('closes behind the record at hand', async () => {
    const topic = await newTopic();
    const group = newGroup();
    await produce(topic, 5);
    const reader = start(group);
    await reader.subscribe({ topics: [topic] });
    const values: string[] = [];
    const looping = read(
      reader,
      async (value) => {
        await delay(100);
        values.push(value);
      },
      () => values.length === 5,
    );
    await until(() => values.length === 1);
    await reader.close();
    expect(values).toHaveLength(2);
    expect(await committed(group, topic)).toBe(2);
    expect((await service.cluster.wadi.groups.describe(group)).members).toEqual([]);
    void looping;
  });

  test('closes in time when nobody answers, and says that; who closes it again is told the same', async () => {
    const topic = await newTopic();
    await produce(topic, 2);
    const reader = start(newGroup());
    await reader.subscribe({ topics: [topic] });
    for await (const { offset } of reader) if (offset === 1) break;
    service.proxy.fate = () => 'unavailable';
    const startedMs = Date.now();
    const closing = [reader.close({ timeoutMs: 50 }), reader.close()];
    expect(await Promise.allSettled(closing)).toMatchObject(Array(2).fill({ status: 'rejected' }));
    expect(Date.now() - startedMs).toBeLessThan(2_000);
    await expect(reader.commit([{ topic, partition: 0, offset: 1 }])).rejects.toThrow('is closed');
    open = open.filter((each) => each !== reader);
  });
});

describe('in a group', () => {
  test('each record is processed, once while members stay, and partitions move behind their records', async () => {
    const topic = await newTopic(6);
    for (let partition = 0; partition < 6; partition++) await produce(topic, 40, partition);
    const group = newGroup();
    const counts = new Map<string, number>();
    const told: string[] = [];
    const atWork = new Map<string, string>();
    const member = (name: string) => {
      const tell = (what: string) => (partitions: readonly PartitionName[]) =>
        void told.push(...partitions.map(({ partition }) => `${name} ${what} ${partition}`));
      const reader = start(group, {
        maxPollRecords: 5,
        onAssigned: tell('+'),
        onRevoked: tell('-'),
        onLost: tell('lost'),
      });
      const onRecord = async (value: string) => {
        const [partition = ''] = value.split('/');
        expect(atWork.get(partition) ?? name).toBe(name);
        atWork.set(partition, name);
        await delay(5);
        atWork.delete(partition);
        counts.set(value, (counts.get(value) ?? 0) + 1);
      };
      return { reader, reading: () => read(reader, onRecord, () => counts.size === 240) };
    };
    const a = member('a');
    await a.reader.subscribe({ topics: [topic] });
    const readingA = a.reading();
    await until(() => counts.size > 20);
    const b = member('b');
    await b.reader.subscribe({ topics: [topic] });
    const readingB = b.reading();
    await until(() => b.reader.assignment().length === 3);
    await until(() => counts.size > 150);
    expect(a.reader.assignment()).toHaveLength(3);
    await b.reader.close();
    await Promise.all([readingA, readingB]);
    expect(counts.size).toBe(240);
    expect([...counts.values()].every((count) => count === 1)).toBe(true);
    expect(told.filter((each) => each.includes('lost'))).toEqual([]);
    expect(told.filter((each) => each.startsWith('b +'))).toHaveLength(3);
    expect(told.filter((each) => each.startsWith('a -'))).toHaveLength(3);
  });

  test('misses nothing of a partition that moves before anything was read of it', async () => {
    const topic = await newTopic(4);
    const group = newGroup();
    const found = new Set<string>();
    const read1 = (reader: Consumer) =>
      read(
        reader,
        (value) => void found.add(value),
        () => found.size === 80,
      );
    const latest = { autoOffsetReset: 'latest', autoCommitIntervalMs: 600_000 } as const;
    const a = start(group, latest);
    await a.subscribe({ topics: [topic] });
    const readingA = read1(a);
    await until(() => service.proxy.requests.filter(isPoll).length > 1);
    const b = start(group, latest);
    await b.subscribe({ topics: [topic] });
    const readingB = read1(b);
    for (let i = 0; i < 20; i++) {
      for (let partition = 0; partition < 4; partition++) await produce(topic, 1, partition, i);
      if (i > 10) await until(() => b.assignment().length > 0);
      if (i === 15) await a.close();
    }
    await Promise.all([readingA, readingB]);
    expect(found.size).toBe(80);
  });

  test('a poll that waits does not keep a partition waiting that has come meanwhile', async () => {
    const topic = `topic-${names++}`;
    let assignedMs = Number.POSITIVE_INFINITY;
    const reader = start(newGroup(), {
      fetchMaxWaitMs: 20_000,
      sessionTimeoutMs: 1_000,
      onAssigned: () => {
        assignedMs = Date.now();
      },
    });
    await reader.subscribe({ topics: [topic] });
    const next = reader.records().next();
    await service.cluster.wadi.topics.create({ name: topic });
    await produce(topic, 1);
    await next;
    expect(Date.now() - assignedMs).toBeLessThan(200);
  });

  test('a long loop body keeps its partition by heartbeats', async () => {
    const topic = await newTopic();
    await produce(topic, 2);
    const group = newGroup();
    let lost = 0;
    const slow = start(group, { sessionTimeoutMs: 1_000, onLost: () => void lost++ });
    await slow.subscribe({ topics: [topic] });
    const other = start(group, { sessionTimeoutMs: 1_000 });
    await other.subscribe({ topics: [topic] });
    const stop = new AbortController();
    const others: string[] = [];
    const reading = read(
      other,
      (value) => void others.push(value),
      () => stop.signal.aborted,
    );
    for await (const _ of slow) {
      await delay(2_500);
      await slow.commit();
      break;
    }
    stop.abort();
    await reading;
    expect([lost, others]).toEqual([0, []]);
    expect(await committed(group, topic)).toBe(1);
  });

  test('a loop body that does not end gives its partitions to others', async () => {
    const topic = await newTopic();
    await produce(topic, 2);
    const group = newGroup();
    const times = { sessionTimeoutMs: 1_000, maxPollIntervalMs: 500 };
    const stuck = start(group, times);
    await stuck.subscribe({ topics: [topic] });
    const other = start(group, times);
    for await (const _ of stuck) {
      await other.subscribe({ topics: [topic] });
      expect((await take(other, 1))[0]).toBe('0/0');
      await expect(stuck.commit()).rejects.toMatchObject({ outcome: 'refused' });
      break;
    }
  });

  test('a wish that is refused leaves no member, and the one before stands', async () => {
    const topic = await newTopic();
    const group = newGroup();
    const reader = start(group);
    await expect(reader.subscribe({ pattern: '(' })).rejects.toMatchObject({
      kafka: 'INVALID_REGULAR_EXPRESSION',
    });
    const { groups } = service.cluster.wadi;
    expect((await groups.describe(group)).members).toEqual([]);
    await reader.subscribe({ topics: [topic] });
    await expect(reader.subscribe({ pattern: '(' })).rejects.toThrow();
    const [member] = (await groups.describe(group)).members;
    await groups.leave({ groupId: group, name: member!.name });
    await produce(topic, 2);
    expect(await take(reader, 1)).toEqual(['0/0']);
  });

  test('a member whose session is over is told so, and joins again', async () => {
    const topic = await newTopic();
    await produce(topic, 10);
    const group = newGroup();
    const told: string[] = [];
    const reader = start(group, {
      maxPollRecords: 4,
      onAssigned: () => void told.push('assigned'),
      onLost: () => void told.push('lost'),
    });
    await reader.subscribe({ topics: [topic] });
    expect(await take(reader, 2)).toEqual(numbered(2));
    await reader.commit();
    const { groups } = service.cluster.wadi;
    const [member] = (await groups.describe(group)).members;
    await groups.leave({ groupId: group, name: member!.name });
    const values: string[] = [];
    await read(
      reader,
      (value) => void values.push(value),
      () => values.includes('0/9'),
    );
    expect(told).toEqual(['assigned', 'lost', 'assigned']);
    expect(new Set(values)).toEqual(new Set(numbered(10).slice(2)));
    await reader.close();
    expect(await committed(group, topic)).toBe(10);
  });

  test('a commit for a partition that is lost is refused, and stays so', async () => {
    const topic = await newTopic();
    await produce(topic, 5);
    const group = newGroup();
    const reader = start(group, { enableAutoCommit: false });
    await reader.subscribe({ topics: [topic] });
    for await (const { offset } of reader) {
      if (offset < 2) continue;
      const { groups } = service.cluster.wadi;
      const [member] = (await groups.describe(group)).members;
      await groups.leave({ groupId: group, name: member!.name });
      await expect(reader.commit()).rejects.toMatchObject({ kafka: 'UNKNOWN_MEMBER_ID' });
      break;
    }
    expect(await committed(group, topic)).toBe(-1);
  });

  test('a commit is refused if the record at hand is of a partition that was lost, also when that is known', async () => {
    const topic = await newTopic(2);
    await produce(topic, 3);
    const group = newGroup();
    let lost = 0;
    const reader = start(group, {
      enableAutoCommit: false,
      sessionTimeoutMs: 1_000,
      onLost: () => void lost++,
    });
    await reader.subscribe({ topics: [topic] });
    for await (const { offset } of reader) {
      if (offset < 1) continue;
      const { groups } = service.cluster.wadi;
      const [member] = (await groups.describe(group)).members;
      await groups.leave({ groupId: group, name: member!.name });
      await until(() => lost > 0 && reader.assignment().length === 2);
      await expect(reader.commit()).rejects.toMatchObject({ kafka: 'FENCED_MEMBER_EPOCH' });
      break;
    }
    expect(await committed(group, topic)).toBe(-1);
    expect(await take(reader, 2)).toEqual(['0/0', '0/1']);
    await reader.commit();
    expect(await committed(group, topic)).toBe(2);
  });

  test.each([true, false])(
    'a static member that was replaced moves and ends nothing of its successor: auto-commit %j',
    async (enableAutoCommit) => {
      const topic = await newTopic();
      await produce(topic, 10);
      const group = newGroup();
      const options = { groupInstanceId: 'one', enableAutoCommit, autoCommitIntervalMs: 600_000 };
      const told: string[] = [];
      const before = start(group, {
        ...options,
        onRevoked: () => void told.push('revoked'),
        onLost: () => void told.push('lost'),
      });
      await before.subscribe({ topics: [topic] });
      for await (const { offset } of before) {
        if (offset < 3) continue;
        const after = start(group, { ...options, enableAutoCommit: false });
        await after.subscribe({ topics: [topic] });
        expect((await take(after, 8)).at(-1)).toBe('0/7');
        await after.commit();
        const refused = { kafka: 'FENCED_INSTANCE_ID' };
        if (!enableAutoCommit) await expect(before.commit()).rejects.toMatchObject(refused);
        break;
      }
      await before.close();
      expect(told).toEqual(['lost']);
      expect(await committed(group, topic)).toBe(8);
      const [member] = (await service.cluster.wadi.groups.describe(group)).members;
      expect(member!.assigned).toHaveLength(1);
      await expect(
        service.cluster.wadi.groups.heartbeat({ groupId: group, name: 'one' }),
      ).resolves.toBeDefined();
    },
  );

  test('a static member that comes again may want another kind of subscription', async () => {
    const topic = await newTopic();
    await produce(topic, 3);
    const group = newGroup();
    const before = start(group, { groupInstanceId: 'one' });
    await before.subscribe({ topics: [topic] });
    expect(await take(before, 1)).toEqual(['0/0']);
    await before.close();
    const after = start(group, { groupInstanceId: 'one' });
    await after.subscribe({ pattern: topic });
    expect(await take(after, 1)).toEqual(['0/1']);
  });

  test('a static member that another takes the place of stops, and takes nothing with it', async () => {
    const topic = await newTopic();
    await produce(topic, 20);
    const options = { groupInstanceId: 'one', sessionTimeoutMs: 2_000, maxPollRecords: 3 };
    const group = newGroup();
    const before = start(group, options);
    await before.subscribe({ topics: [topic] });
    const given = new Set<string>();
    const reading = read(
      before,
      (value) => void given.add(value),
      () => false,
    );
    await until(() => given.size === 20);
    const after = start(group, options);
    const processed: string[] = [];
    await after.subscribe({ topics: [topic] });
    const stopped = expect(reading).rejects.toMatchObject({ kafka: 'FENCED_INSTANCE_ID' });
    for (let i = 20; i < 40; i++) await produce(topic, 1, 0, i);
    await read(
      after,
      (value) => void processed.push(value),
      () => processed.includes('0/39'),
    );
    await stopped;
    expect(processed).toEqual(numbered(40).slice(-processed.length));
    expect(processed.length).toBeGreaterThanOrEqual(20);
    await expect(take(before, 1)).rejects.toMatchObject({ kafka: 'FENCED_INSTANCE_ID' });
  });
});

describe('on a line that loses things, a consumer', () => {
  /** Reads `count` records of each partition, and says what it was given, per partition. */
  async function readAll(reader: Consumer, partitions: number, count: number): Promise<string[][]> {
    const found = Array.from({ length: partitions }, (): string[] => []);
    const missing = new Set(found.flatMap((_, partition) => numbered(count, partition)));
    await read(
      reader,
      (value) => {
        found[Number(value.split('/')[0])]!.push(value);
        missing.delete(value);
      },
      () => missing.size === 0,
    );
    return found;
  }

  test.each<Fate>(['lose-request', 'lose-response', 'unavailable-after'])(
    'misses and repeats nothing, if each request meets this once: %j',
    async (fate) => {
      const topic = await newTopic(2);
      await produce(topic, 30);
      await produce(topic, 30, 1);
      const group = newGroup();
      const hit = new Set<string>();
      service.proxy.fate = ({ method, path, headers, body }) => {
        const what = [method, path, headers['idempotency-key'], body.toString('base64')].join(' ');
        if (hit.has(what)) return 'pass';
        hit.add(what);
        return fate;
      };
      const reader = start(group, { maxPollRecords: 4, autoCommitIntervalMs: 20 });
      await reader.subscribe({ topics: [topic] });
      expect(await readAll(reader, 2, 30)).toEqual([numbered(30), numbered(30, 1)]);
      await reader.close();
      expect([await committed(group, topic), await committed(group, topic, 1)]).toEqual([30, 30]);
      expect(service.proxy.requests.filter(isCommit).length).toBeGreaterThan(2);
    },
  );

  test('is of whoever made its instance, if that was not answered', async () => {
    const topic = await newTopic();
    await produce(topic, 2);
    for (const groupInstanceId of [undefined, 'one']) {
      const group = newGroup();
      let lost = 0;
      service.proxy.fate = ({ method, path }) =>
        method === 'POST' && path === `/consumers/${group}` && lost++ < 2 ? 'lose-response' : 'pass';
      const reader = start(group, groupInstanceId === undefined ? {} : { groupInstanceId });
      await reader.subscribe({ topics: [topic] });
      expect(await take(reader, 1)).toEqual(['0/0']);
      const [member] = (await service.cluster.wadi.groups.describe(group)).members;
      const sent = service.proxy.requests.filter(isPoll).at(-1)!.headers['wadi-member-id'];
      expect(sent).toBe(member!.memberId);
      expect(lost).toBe(3);
    }
  });

  test('misses nothing by polls that come late, when others have been answered', async () => {
    const topic = await newTopic();
    const reader = start(newGroup(), { maxPollRecords: 3, fetchMaxWaitMs: 50 });
    await reader.subscribe({ topics: [topic] });
    const random = randomFrom(1);
    service.proxy.fate = (request) =>
      isPoll(request) && random() < 0.5 ? { lateMs: Math.round(random() * 100) } : 'pass';
    const reading = readAll(reader, 1, 60);
    for (let i = 0; i < 60; i += 2) {
      await produce(topic, 2, 0, i);
      await delay(random() * 30);
    }
    const [values] = await reading;
    expect(values).toEqual(numbered(60));
  });

  test('gets what a poll took that nobody heard of, when others before it found nothing', async () => {
    const topic = await newTopic();
    const group = newGroup();
    const reader = start(group, { fetchMaxWaitMs: 50 });
    await reader.subscribe({ topics: [topic] });
    let polls = 0;
    let isCutOff = true;
    let produced: () => void = () => undefined;
    const after = new Promise<void>((resolve) => {
      produced = resolve;
    });
    service.proxy.fate = (request) => {
      if (!isPoll(request)) return 'pass';
      polls++;
      if (polls === 1) return { after };
      return polls === 2 || !isCutOff ? 'pass' : 'unavailable';
    };
    const taking = take(reader, 1);
    await until(() => polls > 2);
    await produce(topic, 2);
    produced();
    const { groups } = service.cluster.wadi;
    for (let position = 0; position < 2; ) {
      await delay(5);
      const [member] = (await groups.describe(group)).members;
      position = member!.assigned[0]!.position;
    }
    isCutOff = false;
    expect(await taking).toEqual(['0/0']);
  });

  test('goes on when what a poll took, that nobody heard of, is no longer its own', async () => {
    const topic = await newTopic();
    await produce(topic, 2);
    const group = newGroup();
    const options = { fetchMaxWaitMs: 50, sessionTimeoutMs: 600_000 };
    const reader = start(group, options);
    await reader.subscribe({ topics: [topic] });
    let lost = 0;
    service.proxy.fate = (request) => {
      if (!isPoll(request)) return 'pass';
      lost++;
      return 'lose-response';
    };
    const taking = take(reader, 1);
    await until(() => lost > 3);
    const { topics } = service.cluster.wadi;
    await topics.delete(topic);
    await topics.create({ name: topic, partitions: 1 });
    service.proxy.fate = () => 'pass';
    await produce(topic, 2, 0, 100);
    expect(await taking).toEqual(['0/100']);
  });

  test.each([1, 2, 3])('misses nothing in any weather, together with others (seed %i)', async (seed) => {
    const topic = await newTopic(4);
    const group = newGroup();
    service.proxy.fate = weather(randomFrom(seed));
    const counts = new Map<string, number>();
    let done = 0;
    const beyond: string[] = [];
    const finished = new Map<string, number>();
    const members = await Promise.all(
      [0, 1, 2].map(async () => {
        const reader = start(group, { maxPollRecords: 5, fetchMaxWaitMs: 50, autoCommitIntervalMs: 30 });
        await reader.subscribe({ topics: [topic] });
        return reader;
      }),
    );
    const reading = members.map((reader) =>
      read(
        reader,
        async (value) => {
          await delay(1);
          const [partition = '', number] = value.split('/');
          const before = finished.get(partition) ?? 0;
          // A record is never given before all those before it were processed.
          if (Number(number) > before) beyond.push(value);
          finished.set(partition, Math.max(before, Number(number) + 1));
          counts.set(value, (counts.get(value) ?? 0) + 1);
          done = counts.size;
        },
        () => done === 400,
      ),
    );
    for (let i = 0; i < 10; i++) {
      for (let partition = 0; partition < 4; partition++) await produce(topic, 10, partition, i * 10);
      if (i === 5) await members[0]!.close();
    }
    await Promise.all(reading);
    expect(beyond).toEqual([]);
    expect(counts.size).toBe(400);
  });
});
