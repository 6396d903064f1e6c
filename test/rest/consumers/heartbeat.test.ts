import { type Consumers, eventually, type Heartbeat, type Instance, startConsumers, V2 } from './support.ts';

let api: Consumers;
beforeEach(async () => {
  api = await startConsumers();
});
afterEach(() => api.cluster.close());

const beat = async (instance: Instance, revoked?: object[]): Promise<Heartbeat> => {
  const call = revoked === undefined ? {} : { body: { revoked } };
  const { status, json } = await instance.call<Heartbeat>('POST /heartbeat', call);
  expect(status).toBe(200);
  return json;
};

async function subscriber(name: string): Promise<Instance> {
  const instance = await api.instance(name, { 'wadi.confirm.revocation': true });
  await instance.call('POST /subscription', { body: { topics: ['orders'] } });
  return instance;
}

test('a heartbeat takes part in the division, and tells of the part', async () => {
  const one = await subscriber('one');
  const begun = await beat(one);
  expect(begun).toEqual({
    member_id: expect.stringMatching(/\S/),
    member_epoch: expect.any(Number),
    heartbeat_interval_ms: expect.any(Number),
    assigned: [0, 1, 2].map((partition) => ({ topic: 'orders', partition, position: 0 })),
    pending: [],
    revoking: [],
  });
  const { headers } = await one.call<Heartbeat>('POST /heartbeat', { body: { revoked: null } });
  expect(headers.get('content-type')).toBe(V2);
});

test('partitions move when the instance says that it has stopped with them', async () => {
  const one = await subscriber('one');
  await beat(one);
  const two = await subscriber('two');
  const asked = await eventually(async () => {
    const { pending } = await beat(two);
    const found = await beat(one);
    return pending.length > 0 && found.revoking.length > 0 ? found : undefined;
  });
  expect(asked.assigned).toHaveLength(3);
  expect((await beat(two)).assigned).toEqual([]);
  const after = await beat(one, asked.revoking);
  expect([after.revoking, after.assigned.length]).toEqual([[], 2]);
  const taken = await eventually(async () => {
    const { assigned } = await beat(two);
    return assigned.length > 0 ? assigned : undefined;
  });
  expect(taken).toEqual(asked.revoking.map((partition) => ({ ...partition, position: 0 })));
});

test.each([
  [{ revoked: [{ topic: 'orders' }] }, 'revoked[0].partition'],
  [{ revoke: [] }, 'revoke'],
  [[], undefined],
])('%j is refused', async (body, field) => {
  const one = await subscriber('one');
  const { status, json } = await one.call('POST /heartbeat', { body });
  expect([status, json.error_code, json.field]).toEqual([422, 422, field]);
});
