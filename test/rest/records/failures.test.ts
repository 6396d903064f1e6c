import { logErrorsBy } from '../../../lib/logError.ts';
import { memoryStorage } from '../../../lib/storage/memory/memory.ts';
import { StorageError } from '../../../lib/storage/ports.ts';
import { createWadi } from '../../../lib/wadi.ts';
import { intercepted } from '../../support/faults.ts';
import { type Api, servedBy } from './support.ts';

/** Whether heads may be updated. */
let works: boolean;
let told: number[];
let logged: Error[];
let api: Api;

beforeEach(async () => {
  works = true;
  told = [];
  logged = [];
  logErrorsBy((error) => logged.push(error));
  const storage = intercepted(memoryStorage(), async ({ store, operation }, proceed) => {
    if (!works && store === 'log' && operation === 'update') throw new StorageError('unavailable', 'no');
    return proceed();
  });
  const wadi = await createWadi({ storage, onAppendFailed: (partitions) => told.push(partitions) });
  api = servedBy(wadi);
  await wadi.topics.create({ name: 'orders', partitions: 2 });
});

const value = { type: 'STRING', data: 'x' };
const record = (partition_id: number) => JSON.stringify({ partition_id, value });
const RECORDS = 'POST /v3/topics/orders/records';
const SEVERAL = { body: record(0) + record(1) };
const entries = [0, 1].map((partition_id) => ({ id: String(partition_id), partition_id, value }));
const V2 = { 'content-type': 'application/vnd.kafka.json.v2+json' };
const v2 = (...partitions: number[]) => ({
  headers: V2,
  body: { records: partitions.map((partition) => ({ partition, value: 1 })) },
});

test.each([
  ['several records, which tell each for itself', RECORDS, SEVERAL, 200, 2],
  ['a batch of records', `${RECORDS}:batch`, { body: { entries } }, 207, 2],
  ['REST Proxy v2, one record of which is refused', 'POST /topics/orders', v2(0, 7), 503, 1],
  ['one record', RECORDS, { body: record(0) }, 503, 1],
  ['those that nobody waits for', RECORDS, { ...SEVERAL, query: 'acks=0' }, 200, 2],
  ['those of v2', 'POST /topics/orders', { ...v2(0, 1), query: 'async=true' }, 204, 2],
])('appends that storage fails are told once, by their partitions, and logged: %s', async (...given) => {
  const [, route, call, status, partitions] = given;
  works = false;
  const answer = await api.send(route, call);
  await api.wadi.log.settled();
  expect(answer.status).toBe(status);
  expect(told).toEqual([partitions]);
  expect(logged[0]).toMatchObject({ kafka: 'REQUEST_TIMED_OUT' });
});

test.each([
  ['what is done', RECORDS, SEVERAL, 200],
  ['what no partition takes', RECORDS, { body: record(7) }, 404],
  [
    'what is no record',
    `${RECORDS}:batch`,
    { body: { entries: [{ id: 'a', value: { type: 'JSON' }, no: 1 }] } },
    207,
  ],
  ['what no topic takes', 'POST /v3/topics/missing/records', { body: record(0) }, 404],
])('nothing is told of %s', async (...given) => {
  const [, route, call, status] = given;
  expect((await api.send(route, call)).status).toBe(status);
  await api.wadi.log.settled();
  expect([told, logged]).toEqual([[], []]);
});
