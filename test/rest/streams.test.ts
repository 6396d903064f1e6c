import { encodeBatch } from '../../lib/record/encode.ts';
import { counting, runApplication } from '../support/streams.ts';
import { type Api, startApi } from './support.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
  const { topics } = api.cluster.wadi;
  await topics.create({ name: 'lines', partitions: 2 });
  for (const id of ['c', 'a', 'b']) await runApplication(api.cluster.wadi, counting(id, 'lines'));
  await produce(['one', 'two', 'one']);
  for (const id of ['a', 'b']) await runApplication(api.cluster.wadi, counting(id, 'lines'));
  await produce(['three']);
});
afterAll(() => api.cluster.close());

/** To partition 1. */
async function produce(texts: readonly string[]): Promise<void> {
  const { log, topics } = api.cluster.wadi;
  const records = texts.map((text) => ({
    key: null,
    value: Buffer.from(text),
    timestamp: 5_000,
    headers: [],
  }));
  const batch = {
    bytes: encodeBatch(records),
    recordCount: texts.length,
    maxTimestamp: 5_000,
    producer: undefined,
  };
  const [result] = await log.append(await topics.describe('lines'), [{ partition: 1, batches: [batch] }]);
  if (!result!.ok) throw result!.error;
}

interface Page<T> {
  readonly metadata: { readonly next: string | null };
  readonly data: readonly T[];
}

/** Of all pages, which have one element each. */
async function pages<T>(path: string): Promise<T[]> {
  const found: T[] = [];
  for (let next: string | null = `/v3/-${path}?page_size=1`; next !== null; ) {
    const { json }: { json: Page<T> } = await api.call<Page<T>>(`GET ${next}`);
    expect(json.data.length).toBeLessThanOrEqual(1);
    found.push(...json.data);
    next = json.metadata.next?.replace(api.clusterUrl, '/v3/-') ?? null;
  }
  return found;
}

test('applications are listed by their ids, a page after the other', async () => {
  const all = await pages<{ application_id: string }>('/streams');
  expect(all.map(({ application_id }) => application_id)).toEqual(['a', 'b', 'c']);
});

test('an application tells its topics, its stores and how they are put together', async () => {
  const { json } = await api.call<Record<string, unknown>>('GET /v3/-/streams/a');
  expect(json).toMatchObject({
    ...{ application_id: 'a', state: 'IDLE', tasks_count: 2, function_name: null },
    subtopologies: [
      { subtopology_id: 0, topics: ['lines'], stores: [] },
      { subtopology_id: 1, topics: ['a-counts-repartition'], stores: ['counts'] },
    ],
    repartition_topics: ['a-counts-repartition'],
    stores: [
      {
        ...{ store_name: 'counts', subtopology_id: 1 },
        ...{ kind: 'key-value', changelog_topic: 'a-counts-changelog' },
      },
    ],
    topology: expect.stringMatching(/^Topologies:\n/),
    mermaid: expect.stringMatching(/^flowchart TD\n/),
  });
});

test('tasks tell how far they are', async () => {
  const tasks = await pages<{ task_id: string }>('/streams/a/tasks');
  expect(tasks.map(({ task_id }) => task_id)).toEqual(['0_1', '1_1']);
  expect(tasks[0]).toMatchObject({
    ...{ subtopology_id: 0, partition_id: 1, state: 'IDLE', holder: null, steps: 1 },
    ...{ stream_time_ms: 5_000, positions: [{ topic_name: 'lines', offset: 3 }] },
  });
  const { json } = await api.call('GET /v3/-/streams/a/tasks/0_1');
  expect(json).toEqual(tasks[0]);
});

test('a task that a worker has is running, and so is the application', async () => {
  const { groups: items } = api.cluster.wadi.storage;
  const key = { pk: 'streams/b', sk: '1_1' };
  await items.update(key, [{ set: ['untilMs'], to: Date.now() + 60_000 }]);
  const task = await api.call<{ holder: string }>('GET /v3/-/streams/b/tasks/1_1');
  expect(task.json).toMatchObject({ state: 'RUNNING', holder: expect.stringMatching(/^[0-9a-f]{16}$/) });
  expect((await api.call('GET /v3/-/streams/b')).json).toMatchObject({ state: 'RUNNING' });
  await items.update(key, [{ set: ['untilMs'], to: 0 }]);
  expect((await api.call('GET /v3/-/streams/b')).json).toMatchObject({ state: 'IDLE' });
});

test('lags are of all partitions that are read, of topics of its own, too', async () => {
  const lags = await pages<Record<string, unknown>>('/streams/a/lags');
  const told = lags.map(({ topic_name, partition_id, task_id, current_offset, log_end_offset, lag }) => {
    return [topic_name, partition_id, task_id, current_offset, log_end_offset, lag];
  });
  expect(told).toEqual([
    ['a-counts-repartition', 0, '1_0', expect.any(Number), expect.any(Number), 0],
    ['a-counts-repartition', 1, '1_1', expect.any(Number), expect.any(Number), 0],
    ['lines', 0, '0_0', -1, 0, 0],
    ['lines', 1, '0_1', 3, 4, 1],
  ]);
  const { json } = await api.call('GET /v3/-/streams/a/lags/lines/partitions/1');
  expect(json).toEqual(lags[3]);
});

test.each([
  ['streams/none', 'application_id'],
  ['streams/none/tasks', 'application_id'],
  ['streams/none/lags', 'application_id'],
  ['streams/a/tasks/7_7', 'task_id'],
  ['streams/a/lags/lines/partitions/2', 'partition_id'],
])('GET %s is 404, and tells which part is wrong', async (path, field) => {
  expect((await api.call(`GET /v3/-/${path}`)).json).toMatchObject({ field });
  expect((await api.call(`GET /v3/-/${path}`)).status).toBe(404);
});

describe('a reset', () => {
  const RESET = '/positions:reset';
  interface Position {
    readonly topic_name: string;
    readonly partition_id: number;
    readonly task_id: string;
    readonly before: number;
    readonly offset: number;
  }
  const reset = (id: string, body: unknown) =>
    api.call<Page<Position> & { message: string }>(`POST /v3/-/streams/${id}${RESET}`, { body });
  const offsets = async (id: string, body: unknown) =>
    (await reset(id, body)).json.data.map(({ before, offset }) => [before, offset]);

  test('tells where the application goes on, and does it unless it is only to tell', async () => {
    const { status, json } = await reset('a', { dry_run: true });
    expect(status).toBe(200);
    expect(json.data).toMatchObject([
      { topic_name: 'lines', partition_id: 0, task_id: '0_0', before: -1, offset: 0 },
      { topic_name: 'lines', partition_id: 1, task_id: '0_1', before: 3, offset: 0 },
    ]);
    expect((await reset('a', { to: 'latest', dry_run: false })).status).toBe(200);
    expect(await offsets('a', { to: { offset: 3 }, dry_run: true })).toEqual([
      [0, 0],
      [4, 3],
    ]);
    expect(await offsets('a', { to: { timestamp: '1970-01-01T00:00:05Z' }, dry_run: true })).toEqual([
      [0, 0],
      [4, 0],
    ]);
    const { topics } = api.cluster.wadi;
    await expect(topics.describe('a-counts-repartition')).rejects.toThrow('does not exist');
  });

  test('of one that is running, or its deletion, is refused, and says what to do', async () => {
    const { groups: items } = api.cluster.wadi.storage;
    const key = { pk: 'streams/b', sk: '0_1' };
    await items.update(key, [{ set: ['untilMs'], to: Date.now() + 60_000 }]);
    for (const answer of [await reset('b', {}), await api.call('DELETE /v3/-/streams/b')]) {
      expect(answer.status).toBe(409);
      expect(answer.json).toMatchObject({
        ...{ error_code: 40906, field: 'application_id' },
        message: expect.stringMatching(/somebody has task 0_1\. Stop its workers first.* 60 s later/),
      });
    }
    await items.update(key, [{ set: ['untilMs'], to: 0 }]);
    expect((await reset('b', {})).status).toBe(200);
  });

  test('of which somebody has died is seen', async () => {
    const { groups: items } = api.cluster.wadi.storage;
    await items.update({ pk: 'streams/b', sk: '0_1' }, [{ set: ['isResetting'], to: true }]);
    expect((await api.call('GET /v3/-/streams/b')).json).toMatchObject({ state: 'RESETTING' });
    expect((await api.call('GET /v3/-/streams/b/tasks/0_1')).json).toMatchObject({ state: 'RESETTING' });
    expect((await reset('b', {})).status).toBe(200);
    expect((await api.call('GET /v3/-/streams/b')).json).toMatchObject({ state: 'IDLE' });
  });

  test.each([
    [{ to: 'middle' }, 400],
    [{ to: { timestamp: 'noon' } }, 400],
    // Done again, it would go twice as far.
    [{ to: { shift: -1 } }, 400],
    [{ topics: [] }, 400],
  ])('with %j is refused', async (body, status) => {
    expect((await reset('a', body)).status).toBe(status);
  });

  test('of one that is not there is 404', async () => {
    expect((await reset('none', {})).status).toBe(404);
    expect((await api.call('DELETE /v3/-/streams/none')).status).toBe(404);
  });
});

test('an application that is deleted is gone, with its topics', async () => {
  expect((await api.call('DELETE /v3/-/streams/c')).status).toBe(204);
  expect((await api.call('GET /v3/-/streams/c')).status).toBe(404);
  expect((await api.call('DELETE /v3/-/streams/c')).status).toBe(404);
  const all = await api.cluster.wadi.topics.list();
  expect(all.map(({ name }) => name).filter((name) => name.startsWith('c-'))).toEqual([]);
});
