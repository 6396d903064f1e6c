import { isKafkaError, producer, SendError } from '../../lib/client/index.ts';
import { compress } from '../../lib/record/compression.ts';
import { readHeader } from '../../lib/record/header.ts';
import { partitionOfKey } from '../../lib/record/partitioner.ts';
import { type Fate, type ProxyRequest, randomFrom, weather } from './proxy.ts';
import { impatient, type Service, startService, text } from './support.ts';

let service: Service;
let topics = 0;

beforeAll(async () => {
  service = await startService();
});
afterAll(() => service[Symbol.asyncDispose]());
beforeEach(() => {
  service.proxy.fate = () => 'pass';
  service.proxy.requests.length = 0;
});

const options = () => ({ url: service.proxy.url, ...impatient });

async function newTopic(partitions = 1, overrides: Record<string, string> = {}): Promise<string> {
  const name = `topic-${topics++}`;
  await service.cluster.wadi.topics.create({ name, partitions, configs: overrides });
  return name;
}

const numbered = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => ({ value: String(from + i) }));

const isAppend = ({ method, path }: ProxyRequest) => method === 'POST' && /\/records(\?|$)/.test(path);
const appends = () => service.proxy.requests.filter(isAppend);

/** The fates of the first appends; those after them pass. */
function appendsMeet(...fates: Fate[]): void {
  service.proxy.fate = (request) => (isAppend(request) ? (fates.shift() ?? 'pass') : 'pass');
}

describe('a producer', () => {
  test('answers the offset of each record', async () => {
    const topic = await newTopic();
    const { send, close } = producer(options());
    expect(await send({ topic, records: numbered(2) })).toEqual([
      { topic, partition: 0, offset: 0 },
      { topic, partition: 0, offset: 1 },
    ]);
    expect(await send({ topic, records: numbered(1) })).toEqual([{ topic, partition: 0, offset: 2 }]);
    expect(await send({ topic, records: [] })).toEqual([]);
    await close();
  });

  test('stores keys, values, headers and timestamps as they are given', async () => {
    const topic = await newTopic();
    const { send, close } = producer(options());
    const value = Uint8Array.of(0, 255);
    await send({
      topic,
      records: [
        {
          key: 'käse',
          value,
          headers: [
            { key: '😀', value: 'x' },
            { key: '', value: null },
          ],
          timestamp: 5,
        },
        { value: null },
      ],
    });
    const [first, second] = await service.readAll(topic);
    expect(first).toMatchObject({ timestamp: 5 });
    expect(text(first!.key)).toBe('käse');
    expect([...first!.value!]).toEqual([0, 255]);
    expect(first!.headers.map(({ key, value }) => [key, text(value)])).toEqual([
      ['😀', 'x'],
      ['', null],
    ]);
    expect([second!.key, second!.value]).toEqual([null, null]);
    expect(Math.abs(second!.timestamp - Date.now())).toBeLessThan(10_000);
    await close();
  });

  test('gives the records of a key to the partition that Kafka gives them to', async () => {
    const topic = await newTopic(7);
    const { send, close } = producer(options());
    const keys = Array.from({ length: 50 }, (_, i) => `key-${i}`);
    const sent = await send({ topic, records: keys.map((key) => ({ key, value: key })) });
    expect(sent.map(({ partition }) => partition)).toEqual(
      keys.map((key) => partitionOfKey(Buffer.from(key), 7)),
    );
    await close();
  });

  test('fills one partition after the other with records that have no key', async () => {
    const topic = await newTopic(5);
    const { send, close } = producer({ ...options(), batchSize: 1_000 });
    const records = Array.from({ length: 100 }, () => ({ value: 'x'.repeat(76) }));
    const sent = await send({ topic, records });
    const changes = sent.filter(({ partition }, i) => i > 0 && partition !== sent[i - 1]!.partition);
    expect(changes).toHaveLength(9);
    await close();
  });

  test('sends what comes within the time of lingering as one batch', async () => {
    const topic = await newTopic();
    const { send, close } = producer({ ...options(), lingerMs: 100 });
    await Promise.all(numbered(20).map((record) => send({ topic, records: [record] })));
    expect(appends()).toHaveLength(1);
    expect(readHeader(appends()[0]!.body).recordCount).toBe(20);
    await close();
  });

  test('does not let a full batch linger, nor one that is flushed', async () => {
    const topic = await newTopic();
    const { send, flush, close } = producer({ ...options(), lingerMs: 60_000, batchSize: 1_000 });
    await send({ topic, records: [{ value: 'x'.repeat(1_000) }] });
    const lingering = send({ topic, records: numbered(1) });
    await flush();
    expect(await lingering).toMatchObject([{ offset: 1 }]);
    const last = send({ topic, records: numbered(1) });
    await close();
    expect(await last).toMatchObject([{ offset: 2 }]);
  });

  test('keeps the order of calls that do not wait for each other', async () => {
    const topic = await newTopic();
    const { send, flush, close } = producer({ ...options(), batchSize: 200, lingerMs: 1 });
    const calls = Array.from({ length: 100 }, (_, i) => send({ topic, records: numbered(3, i * 3) }));
    await flush();
    const sent = (await Promise.all(calls)).flat();
    expect(sent.map(({ offset }) => offset)).toEqual(numbered(300).map((_, i) => i));
    expect((await service.readAll(topic)).map(({ value }) => text(value))).toEqual(
      numbered(300).map(({ value }) => value),
    );
    await close();
  });

  test.each(['gzip', 'lz4', 'zstd', 'snappy'] as const)('compresses by %s', async (compressionType) => {
    const topic = await newTopic();
    const { send, close } = producer({
      ...options(),
      compressionType,
      ...(compressionType !== 'gzip' && { compress }),
    });
    await send({ topic, records: [{ value: 'y'.repeat(10_000) }] });
    expect(readHeader(appends()[0]!.body).codec).toBe(compressionType);
    expect(appends()[0]!.body.length).toBeLessThan(1_000);
    expect(text((await service.readAll(topic))[0]!.value)).toBe('y'.repeat(10_000));
    await close();
  });

  test('refuses what it has no codec for, and sends nothing', async () => {
    const topic = await newTopic();
    const { send, close } = producer({ ...options(), compressionType: 'zstd' });
    await expect(send({ topic, records: numbered(1) })).rejects.toMatchObject({
      kafka: 'UNSUPPORTED_COMPRESSION_TYPE',
      outcome: 'refused',
    });
    expect(appends()).toEqual([]);
    await close();
  });
});

describe('on a line that loses things, a producer', () => {
  test.each<Fate>(['lose-request', 'lose-response', 'unavailable', 'unavailable-after', { lateMs: 100 }])(
    'has its records in the log once: %j',
    async (fate) => {
      const topic = await newTopic();
      const { send, close } = producer(options());
      await send({ topic, records: numbered(1) });
      appendsMeet(fate, fate, fate);
      expect(await send({ topic, records: numbered(3, 1) })).toMatchObject([
        { offset: 1 },
        { offset: 2 },
        { offset: 3 },
      ]);
      await new Promise((resolve) => setTimeout(resolve, 150));
      expect((await service.readAll(topic)).map(({ value }) => text(value))).toEqual(['0', '1', '2', '3']);
      const repeated = appends().slice(1);
      expect(repeated).toHaveLength(4);
      expect(repeated.every(({ body }) => body.equals(repeated[0]!.body))).toBe(true);
      await close();
    },
  );

  test.each([1, 2, 3])('loses nothing, doubles nothing, keeps the order (seed %i)', async (seed) => {
    const topic = await newTopic(3);
    const random = randomFrom(seed);
    service.proxy.fate = weather(random);
    const { send, close } = producer({ ...options(), batchSize: 400, lingerMs: 2, maxInFlight: 3 });
    const calls = Array.from({ length: 60 }, (_, i) =>
      send({
        topic,
        records: numbered(5, i * 5).map((record) => ({ key: `k${Number(record.value) % 10}`, ...record })),
      }),
    );
    const sent = (await Promise.all(calls)).flat();
    service.proxy.fate = () => 'pass';
    await close();
    // What is late by 300 ms has come by then.
    await new Promise((resolve) => setTimeout(resolve, 400));
    const found: string[] = [];
    for (const partition of [0, 1, 2]) {
      const values = (await service.readAll(topic, partition)).map(({ value }) => text(value)!);
      expect(values).toEqual([...values].sort((a, b) => Number(a) - Number(b)));
      for (const [offset, value] of values.entries()) {
        expect(sent[Number(value)]).toEqual({ topic, partition, offset });
      }
      found.push(...values);
    }
    expect(found.sort((a, b) => Number(a) - Number(b))).toEqual(numbered(300).map(({ value }) => value));
  });

  test('waits as long as the server asks it to', async () => {
    const topic = await newTopic();
    const { send, close } = producer(options());
    await send({ topic, records: numbered(1) });
    const { log } = service.cluster.wadi;
    const { append } = log;
    const { WadiError } = await import('../../lib/errors.ts');
    log.append = async () => {
      log.append = append;
      throw new WadiError('THROTTLING_QUOTA_EXCEEDED', 'Too much at once');
    };
    const beganMs = Date.now();
    await send({ topic, records: numbered(1) });
    expect(Date.now() - beganMs).toBeGreaterThanOrEqual(1_000);
    await close();
  });

  test('tells that it does not know, when the time is over, and goes on in a new epoch', async () => {
    const topic = await newTopic();
    const { send, close } = producer({ ...options(), deliveryTimeoutMs: 300 });
    await send({ topic, records: numbered(1) });
    appendsMeet(...Array<Fate>(1_000).fill({ lateMs: 400 }));
    const failed = send({ topic, records: numbered(1, 1) });
    await expect(failed).rejects.toBeInstanceOf(SendError);
    await expect(failed).rejects.toMatchObject({ outcome: 'unknown', kafka: 'REQUEST_TIMED_OUT' });
    service.proxy.fate = () => 'pass';
    expect(await send({ topic, records: numbered(1, 2) })).toHaveLength(1);
    const [last] = appends().slice(-1);
    expect(readHeader(last!.body)).toMatchObject({ producerEpoch: 1, baseSequence: 0 });
    // Whatever of the old epoch lands now is refused, or had landed before.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const values = (await service.readAll(topic)).map(({ value }) => text(value));
    expect(values.filter((value) => value === '2')).toHaveLength(1);
    expect(values.filter((value) => value === '1').length).toBeLessThanOrEqual(1);
    expect(values[0]).toBe('0');
    expect(values.at(-1)).toBe('2');
    await close();
  });
});

describe('a refusal', () => {
  test('fails the records that it is about, and the sequences go to the next', async () => {
    const topic = await newTopic(2, { 'max.message.bytes': '500' });
    const { send, close } = producer({ ...options(), lingerMs: 20 });
    const failed = send({
      topic,
      records: [
        { partition: 0, value: 'small' },
        { partition: 1, value: 'x'.repeat(1_000) },
      ],
    });
    const error = await failed.catch((error: unknown) => error);
    expect(error).toBeInstanceOf(SendError);
    expect((error as SendError).results).toMatchObject([
      { partition: 0, offset: 0 },
      { kafka: 'MESSAGE_TOO_LARGE', code: 10, outcome: 'refused', status: 413 },
    ]);
    expect(await send({ topic, records: [{ partition: 1, value: 'y' }] })).toMatchObject([{ offset: 0 }]);
    await close();
  });

  test('of a batch that is too large for the topic makes smaller ones of it', async () => {
    const topic = await newTopic(1, { 'max.message.bytes': '500' });
    const { send, close } = producer(options());
    const records = Array.from({ length: 40 }, (_, i) => ({ value: String(i).padStart(60, '.') }));
    const sent = await send({ topic, records });
    expect(sent.map(({ offset }) => offset)).toEqual(records.map((_, i) => i));
    expect((await service.readAll(topic)).map(({ value }) => text(value))).toEqual(
      records.map(({ value }) => value),
    );
    await close();
  });

  test('of an unknown topic or partition comes before anything is sent', async () => {
    const { send, close } = producer(options());
    const unknown = { kafka: 'UNKNOWN_TOPIC_OR_PARTITION', outcome: 'refused', status: 404 };
    await expect(send({ topic: 'nowhere', records: numbered(1) })).rejects.toMatchObject(unknown);
    const topic = await newTopic();
    const records = [{ value: 'x' }, { value: 'y', partition: 1 }];
    await expect(send({ topic, records })).rejects.toMatchObject({
      ...unknown,
      status: 0,
      field: 'records[1].partition',
    });
    await service.cluster.wadi.topics.create({ name: 'nowhere' });
    expect(await send({ topic: 'nowhere', records: numbered(1) })).toMatchObject([{ offset: 0 }]);
    await close();
    await expect(send({ topic, records: numbered(1) })).rejects.toThrow('closed');
  });

  test('of a record that cannot be written names it, and does not touch those of others', async () => {
    const topic = await newTopic();
    const { send, close } = producer({ ...options(), lingerMs: 50 });
    const others = send({ topic, records: numbered(1) });
    for (const [part, wrong] of Object.entries({
      value: { value: 12 },
      key: { key: {}, value: 'x' },
      headers: { value: 'x', headers: [{ key: 'a', value: 1 }] },
      timestamp: { value: 'x', timestamp: 1.5 },
    })) {
      const records = [{ value: 'x' }, wrong as unknown as { value: string }];
      await expect(send({ topic, records })).rejects.toMatchObject({
        outcome: 'refused',
        field: `records[1].${part}`,
      });
    }
    expect(await others).toMatchObject([{ offset: 0 }]);
    await close();
    expect(await service.readAll(topic)).toHaveLength(1);
  });

  test('of an option that is no number names it, and the longest time is no short one', async () => {
    for (const wrong of ['5', Number.NaN, -1]) {
      const lingerMs = wrong as number;
      expect(() => producer({ ...options(), lingerMs })).toThrow('lingerMs must be a number');
    }
    const topic = await newTopic();
    const forEver = Number.POSITIVE_INFINITY;
    const { send, close } = producer({ ...options(), requestTimeoutMs: forEver, deliveryTimeoutMs: forEver });
    appendsMeet({ lateMs: 50 });
    const sending = send({ topic, records: numbered(1) });
    await close();
    expect(await sending).toMatchObject([{ offset: 0 }]);
  });

  test('of a producer that the topic does not know any more begins a new epoch', async () => {
    const topic = await newTopic();
    const { send, close } = producer(options());
    await send({ topic, records: numbered(5) });
    await service.cluster.wadi.topics.delete(topic);
    await service.cluster.wadi.topics.create({ name: topic });
    appendsMeet('lose-response', 'lose-response');
    expect(await send({ topic, records: numbered(2) })).toMatchObject([{ offset: 0 }, { offset: 1 }]);
    expect(await send({ topic, records: numbered(1) })).toMatchObject([{ offset: 2 }]);
    expect(await service.readAll(topic)).toHaveLength(3);
    await close();
  });
});

describe('a full buffer', () => {
  test('makes send wait, in order, until there is room', async () => {
    const topic = await newTopic();
    const { send, flush, close } = producer({ ...options(), maxBufferedBytes: 1_000, lingerMs: 1 });
    let most = 0;
    service.proxy.fate = (request) => {
      if (isAppend(request)) most = Math.max(most, request.body.length);
      return 'pass';
    };
    const calls = Array.from({ length: 30 }, (_, i) =>
      send({ topic, records: [{ value: `${i}`.padEnd(300) }] }),
    );
    // More than there ever is room for.
    calls.push(send({ topic, records: [{ value: 'large'.padEnd(1_500) }] }));
    calls.push(send({ topic, records: [{ value: 'last' }] }));
    await flush();
    expect((await Promise.all(calls)).flat().map(({ offset }) => offset)).toEqual(calls.map((_, i) => i));
    expect(most).toBeLessThan(2_000);
    await close();
  });

  test('lets nobody wait for longer than max.block.ms, or than he wants to', async () => {
    const topic = await newTopic();
    appendsMeet(...Array<Fate>(100_000).fill('unavailable'));
    const { send, close } = producer({
      ...options(),
      maxBufferedBytes: 100,
      maxBlockMs: 50,
      deliveryTimeoutMs: 1_000,
    });
    const first = send({ topic, records: numbered(1) }).catch((error: unknown) => error);
    const large = { topic, records: [{ value: 'x'.repeat(90) }] };
    const blocked = await send(large).catch((error: unknown) => error);
    expect(isKafkaError(blocked, 'REQUEST_TIMED_OUT') && blocked.outcome).toBe('refused');
    await expect(send(large, { signal: AbortSignal.timeout(10) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    await close({ timeoutMs: 100 });
    expect(await first).toMatchObject({ outcome: 'unknown' });
  });

  test('is closed in time, also when nobody says which partitions there are', async () => {
    service.proxy.fate = () => 'unavailable';
    const { send, close } = producer(options());
    const sending = send({ topic: 'any', records: numbered(1) }).catch((error: unknown) => error);
    const startedMs = Date.now();
    await close({ timeoutMs: 50 });
    expect(Date.now() - startedMs).toBeLessThan(2_000);
    expect(await sending).toMatchObject({ kafka: 'REQUEST_TIMED_OUT', message: 'The producer was closed' });
  });
});
