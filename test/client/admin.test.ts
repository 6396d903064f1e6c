import { admin, consumer, producer } from '../../lib/client/index.ts';
import type { Fate } from './proxy.ts';
import { impatient, type Service, startService } from './support.ts';

let service: Service;
let names = 0;

beforeAll(async () => {
  service = await startService();
});
afterAll(() => service[Symbol.asyncDispose]());
beforeEach(() => {
  service.proxy.fate = () => 'pass';
});

const client = () => admin({ url: service.proxy.url, ...impatient });
const newName = () => `name-${names++}`;

/** Commits the end of `count` records, and leaves the group. */
async function groupAt(topic: string, count: number): Promise<string> {
  const { url } = service.proxy;
  const { send, close } = producer({ url });
  await send({
    topic,
    records: Array.from({ length: count }, (_, i) => ({ value: String(i), partition: 0 })),
  });
  await close();
  const groupId = newName();
  const member = consumer({ url, groupId, ...impatient });
  await member.assign([{ topic, partition: 0 }]);
  await member.commit([{ topic, partition: 0, offset: count }]);
  await member.close();
  return groupId;
}

describe('topics', () => {
  test('are made, listed, described, enlarged and deleted', async () => {
    const { topics } = client();
    const name = newName();
    expect(await topics.create({ name, partitions: 2, configs: { 'retention.ms': '5000' } })).toEqual({
      name,
      partitions: 2,
    });
    expect(await topics.list()).toContainEqual({ name, partitions: 2 });
    expect(await topics.describe(name)).toEqual({ name, partitions: 2 });
    expect(await topics.addPartitions(name, 3)).toEqual({ name, partitions: 3 });
    await topics.delete(name);
    await expect(topics.describe(name)).rejects.toMatchObject({
      kafka: 'UNKNOWN_TOPIC_OR_PARTITION',
      code: 3,
      status: 404,
      outcome: 'refused',
      retriable: false,
    });
  });

  test('have configs', async () => {
    const { topics } = client();
    const name = newName();
    await topics.create({ name });
    const retention = async () => (await topics.configs(name)).find((each) => each.name === 'retention.ms');
    expect(await retention()).toMatchObject({ isDefault: true });
    await topics.alterConfigs(name, { 'retention.ms': '1000' });
    expect(await retention()).toEqual({ name: 'retention.ms', value: '1000', isDefault: false });
    await topics.alterConfigs(name, { 'retention.ms': null });
    expect(await retention()).toMatchObject({ isDefault: true });
    await expect(topics.alterConfigs(name, { 'retention.ms': 'x' })).rejects.toMatchObject({
      kafka: 'INVALID_CONFIG',
    });
  });

  test('lose records on demand', async () => {
    const { topics } = client();
    const topic = newName();
    await topics.create({ name: topic });
    await groupAt(topic, 5);
    expect(await topics.deleteRecords(topic, 0, 3)).toBe(3);
    expect(await topics.offsets(topic, 0)).toEqual({ partition: 0, earliest: 3, latest: 5 });
    await expect(topics.deleteRecords(topic, 0, 9)).rejects.toMatchObject({ kafka: 'OFFSET_OUT_OF_RANGE' });
  });

  test('with names that lead elsewhere are refused before anything is sent', async () => {
    const { topics } = client();
    service.proxy.requests.length = 0;
    await expect(topics.delete('..')).rejects.toMatchObject({ field: 'topic', outcome: 'refused' });
    await expect(topics.delete('')).rejects.toMatchObject({ field: 'topic' });
    expect(service.proxy.requests.filter(({ method }) => method === 'DELETE')).toEqual([]);
  });
});

describe('groups', () => {
  test('are listed, described, moved and deleted', async () => {
    const { topics, groups } = client();
    const topic = newName();
    await topics.create({ name: topic });
    const groupId = await groupAt(topic, 10);
    expect(await groups.list()).toContainEqual({ groupId, state: 'EMPTY' });
    expect(await groups.describe(groupId)).toMatchObject({ groupId, state: 'EMPTY', members: [] });
    const place = { topic, partition: 0 };
    expect(await groups.lags(groupId)).toMatchObject([{ ...place, offset: 10, logEndOffset: 10, lag: 0 }]);
    const moved = { ...place, before: 10, offset: 4 };
    expect(await groups.reset(groupId, { shift: -6 }, { dryRun: true })).toEqual([moved]);
    expect(await groups.reset(groupId, { shift: -6 })).toEqual([moved]);
    const earliest = await groups.reset(groupId, 'earliest', { topics: [{ topic, partitions: [0] }] });
    expect(earliest).toEqual([{ ...place, before: 4, offset: 0 }]);
    await groups.deletePositions(groupId, topic, 0);
    expect(await groups.lags(groupId)).toEqual([]);
    await groups.delete(groupId);
    await expect(groups.describe(groupId)).rejects.toMatchObject({ kafka: 'GROUP_ID_NOT_FOUND' });
  });

  test('that have members tell of them, and stay', async () => {
    const { topics, groups } = client();
    const topic = newName();
    await topics.create({ name: topic });
    const groupId = newName();
    const member = consumer({ url: service.proxy.url, groupId, groupInstanceId: 'i-1', ...impatient });
    await member.subscribe({ topics: [topic] });
    const { members } = await groups.describe(groupId);
    expect(members).toEqual([{ consumerId: expect.any(String), groupInstanceId: 'i-1' }]);
    await expect(groups.delete(groupId)).rejects.toMatchObject({ kafka: 'NON_EMPTY_GROUP' });
    await member.close();
  });
});

describe('on a line that loses things', () => {
  test.each<Fate>(['lose-request', 'lose-response', 'unavailable-after'])(
    'every call does what it is to do, once: %j',
    async (fate) => {
      const { topics, groups } = client();
      const hit = new Set<string>();
      service.proxy.fate = ({ method, path, body }) => {
        const what = `${method} ${path} ${body}`;
        if (hit.has(what)) return 'pass';
        hit.add(what);
        return fate;
      };
      const name = newName();
      expect(await topics.create({ name })).toEqual({ name, partitions: 1 });
      expect(await topics.addPartitions(name, 2)).toEqual({ name, partitions: 2 });
      const groupId = await groupAt(name, 3);
      await groups.delete(groupId);
      await topics.delete(name);
      await expect(topics.delete(name)).rejects.toMatchObject({ kafka: 'UNKNOWN_TOPIC_OR_PARTITION' });
      await expect(groups.delete(groupId)).rejects.toMatchObject({ kafka: 'GROUP_ID_NOT_FOUND' });
    },
  );

  test('a shift is not repeated when it may have been done', async () => {
    const { topics, groups } = client();
    const topic = newName();
    await topics.create({ name: topic });
    const groupId = await groupAt(topic, 10);
    let shifts = 0;
    service.proxy.fate = ({ path }) => {
      if (!path.endsWith('positions:reset')) return 'pass';
      shifts++;
      return 'lose-response';
    };
    await expect(groups.reset(groupId, { shift: -2 })).rejects.toMatchObject({ outcome: 'unknown' });
    expect(shifts).toBe(1);
    expect(await groups.lags(groupId)).toMatchObject([{ offset: 8 }]);
  });
});
