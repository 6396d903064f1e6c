import { type Api, startApi } from './support.ts';

interface Run {
  readonly metadata: { readonly self: string };
  readonly run_id: string;
  readonly units_count: number;
  readonly left_count: number;
  readonly counts: Record<string, number>;
}

interface Status {
  readonly due_count: number;
  readonly oldest_due_age_ms: number;
  readonly last_runs: readonly { topic_name: string; counts: Record<string, number> }[];
}

let api: Api;
beforeAll(async () => {
  api = await startApi();
  for (const topic_name of ['orders', 'users']) {
    await api.call('POST /v3/-/topics', { body: { topic_name, partitions_count: 2 } });
    await api.call(`POST /v3/-/topics/${topic_name}/partitions/1/records`, { body: {} });
    const value = { type: 'STRING', data: 'value' };
    const record = { partition_id: 1, value };
    await api.call(`POST /v3/-/topics/${topic_name}/records`, { body: record });
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
});
afterAll(() => api.cluster.close());

async function ended(runId: string): Promise<Run> {
  for (;;) {
    const { json } = await api.call<Run>(`GET /v3/-/maintenance/runs/${runId}`);
    if (json.left_count === 0) return json;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('a run is begun for every topic, can be watched, and shows in the status', async () => {
  const { status, json } = await api.call<Run>('POST /v3/-/maintenance/run');
  expect(status).toBe(202);
  // One is of what else is due.
  expect(json).toMatchObject({ units_count: 3 });
  const run = await ended(json.run_id);
  expect(run.counts).toMatchObject({ heads: 2, rolls: 2, merges: 2 });
  expect(run.metadata.self).toBe(`${api.clusterUrl}/maintenance/runs/${json.run_id}`);
  const maintenance = await api.call<Status>('GET /v3/-/maintenance');
  expect(maintenance.json).toMatchObject({ due_count: 0, oldest_due_age_ms: 0 });
  expect(maintenance.json.last_runs.map(({ topic_name }) => topic_name).toSorted()).toEqual([
    'orders',
    'users',
  ]);
});

test('a run may be of one topic', async () => {
  const { json } = await api.call<Run>('POST /v3/-/maintenance/run', { body: { topic_name: 'users' } });
  expect(json.units_count).toBe(1);
  expect(await ended(json.run_id)).toMatchObject({ counts: { heads: 1 } });
});

test.each([
  [{ topic_name: 'nope' }, 404, 'topic_name'],
  [{ topic_name: 7 }, 400, 'topic_name'],
  [{ topic: 'orders' }, 400, 'topic'],
])('what cannot be run is refused: %j', async (body, status, field) => {
  const answer = await api.call('POST /v3/-/maintenance/run', { body });
  expect(answer).toMatchObject({ status, json: { field } });
});

test.each(['nope', '000000000000000-AAAAAAAAAAAAAAAAAAAAAA', '..%2F'])(
  'a run that is not there is not found: %s',
  async (id) => {
    const { status, json } = await api.call(`GET /v3/-/maintenance/runs/${id}`);
    expect({ status, json }).toMatchObject({ status: 404, json: { field: 'run_id' } });
  },
);
