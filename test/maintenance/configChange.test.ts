import { DUE_PK } from '../../lib/log/due.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Item, StorageError } from '../../lib/storage/ports.ts';
import type { ConfigChange } from '../../lib/topic/topic.ts';
import { type Call, type Intercept, intercepted } from '../support/faults.ts';
import { append } from '../support/log.ts';
import { keyed } from './compaction.ts';
import {
  dueUnits,
  group,
  HOUR,
  type House,
  house,
  keepFor,
  MINUTE,
  rowsOf,
  startKeeper,
} from './schedules.ts';

/** The longest that a change takes to act: it is due 5 to 10 minutes later, and planned every 5. */
const SOON = 15 * MINUTE;
const retention: ConfigChange[] = [{ name: 'retention.ms', value: '60000' }];

/** A topic that rests, in whose index are some records of few keys. */
async function resting(storage = memoryStorage()): Promise<House> {
  const world = await house(storage, { configs: { 'min.cleanable.dirty.ratio': '0' } });
  const { keeper, topic, clock } = world;
  for (let i = 0; i < 20; i++) {
    for (const partition of [0, 1])
      await append(keeper.wadi.log, topic, partition, keyed([[`k${i % 3}`, `${i}`]], clock.now()));
    clock.advance(1_000);
  }
  await keepFor(keeper, clock, 3 * HOUR);
  return world;
}

async function change({ storage, clock }: House, changes: ConfigChange[], intercept: Intercept) {
  const { wadi } = await startKeeper(intercepted(storage, intercept), clock);
  await wadi.topics.alterConfigs('orders', changes);
}

const through: Intercept = async (_, proceed) => proceed();
const isDue = ({ operation, args }: Call) => operation === 'put' && (args[0] as Item).pk === DUE_PK;

async function starts({ keeper, topic }: House): Promise<number[]> {
  const bounds = await keeper.wadi.log.boundsOf(topic, [0, 1]);
  return bounds.map(({ logStartOffset }) => logStartOffset);
}

test.each<[string, string, object]>([
  ['retention.ms', '60000', { recordsDeleted: 40 }],
  ['retention.bytes', '0', { recordsDeleted: 40 }],
  ['cleanup.policy', 'compact', { recordsRemoved: 34 }],
])(
  'a change of %s acts within minutes on a topic at rest, and what it frees is freed',
  async (name, value, counts) => {
    const world = await resting();
    await change(world, [{ name, value }], through);
    const worked = await keepFor(world.keeper, world.clock, SOON);
    expect(worked.find(({ unit }) => unit === `${world.topic.id}/configs`)).toMatchObject({ counts });
    await keepFor(world.keeper, world.clock, 2 * HOUR);
    const rows = await rowsOf(world.storage, world.topic, 0);
    const { objects } = await world.storage.objects.list(`${world.topic.id}/`, { limit: 100 });
    expect(objects).toHaveLength(2 * rows.length);
  },
);

test('when records expire under the new retention is due', async () => {
  const world = await resting();
  await change(world, [{ name: 'retention.ms', value: `${6 * HOUR}` }], through);
  await keepFor(world.keeper, world.clock, 2 * HOUR);
  expect(await starts(world)).toEqual([0, 0]);
  await keepFor(world.keeper, world.clock, HOUR + SOON);
  expect(await starts(world)).toEqual([20, 20]);
});

test('wherever a change dies, if it was made it acts', async () => {
  for (let diesAt = 0, died = true; died; diesAt++) {
    for (const lands of [true, false]) {
      const world = await resting();
      let calls = 0;
      died = false;
      await change(world, retention, async (_, proceed) => {
        if (died || calls++ === diesAt) {
          if (!died && lands) await proceed();
          died = true;
          throw new StorageError('died', 'unknown');
        }
        return proceed();
      }).catch(() => undefined);
      const { overrides } = await world.keeper.wadi.topics.describe('orders');
      const isMade = overrides['retention.ms'] !== undefined;
      if (!died) expect(isMade).toBe(true);
      await keepFor(world.keeper, world.clock, SOON);
      expect(await starts(world)).toEqual(isMade ? [20, 20] : [0, 0]);
    }
  }
});

test('a change that takes minutes to be made is not looked for before', async () => {
  const world = await resting();
  await change(world, retention, async (call, proceed) => {
    if (call.store === 'metadata' && call.operation === 'update')
      await keepFor(world.keeper, world.clock, 5 * MINUTE);
    return proceed();
  });
  await keepFor(world.keeper, world.clock, SOON);
  expect(await starts(world)).toEqual([20, 20]);
});

test('a change costs one write more, whatever the number of partitions; one that maintenance does not go by costs none', async () => {
  const world = await house(memoryStorage(), { partitions: 200 });
  const noted = async (name: string, value: string) => {
    const calls: Call[] = [];
    await change(world, [{ name, value }], async (call, proceed) => {
      calls.push(call);
      return proceed();
    });
    return calls.filter(isDue).length;
  };
  expect(await noted('retention.ms', '1')).toBe(1);
  expect(await noted('max.message.bytes', '1000')).toBe(0);
  expect(await dueUnits(world.storage)).toContain(`${world.topic.id}/configs`);
  await keepFor(world.keeper, world.clock, SOON);
  expect(await dueUnits(world.storage)).toEqual([`${world.topic.id}/creation`]);
  expect(await group(world.storage, `index/${world.topic.id}/0`)).toEqual([]);
});
