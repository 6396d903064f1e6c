import { DUE_PK, dueItem, SWEEP_UNIT } from '../../lib/log/due.ts';
import type { Durability } from '../../lib/log/log.ts';
import { collectGarbage } from '../../lib/maintenance/collectGarbage.ts';
import { ALL_TOPICS } from '../../lib/maintenance/dueItems.ts';
import { mergePartition } from '../../lib/maintenance/mergePartition.ts';
import { work } from '../../lib/maintenance/worker.ts';
import { beginJoin, stateOf } from '../../lib/replication/inSync.ts';
import type { Topic } from '../../lib/topic/topic.ts';
import type { Wadi } from '../../lib/wadi.ts';
import { batch, offsetOf } from '../support/log.ts';
import { large, newTopic, world } from './support.ts';

const ALL: Durability = { acks: 'all', minInsyncReplicas: 1 };
const ONE: Durability = { acks: 1, minInsyncReplicas: 1 };
const MINUTE = 60_000;

async function append(
  wadi: Wadi,
  topic: Topic,
  text: string,
  durability = ALL,
  partition = 0,
): Promise<number> {
  const batches = [batch([large(text)])];
  const [result] = await wadi.log.append(topic, [{ partition, batches }], durability);
  return offsetOf(result!);
}

async function lost(name: string) {
  const w = world();
  const a = await w.process('a');
  const topic = await newTopic(a);
  await append(a, topic, 'before');
  w.weather[name] = 'down';
  await append(a, topic, 'meanwhile');
  return { w, a, topic };
}

test('a region that is back gets what it lacks, and is in sync again', async () => {
  const { w, a, topic } = await lost('c');
  await w.rejoin(a);
  expect(stateOf(await a.replication!.inSync(), 'c')).toBe('out');

  w.weather.c = 'up';
  w.clock.advance(2 * MINUTE);
  await w.rejoin(a);
  expect(stateOf(await a.replication!.inSync(), 'c')).toBe('in-sync');
  expect(await w.keysIn('c')).toEqual(await w.keysIn('a'));
  await append(a, topic, 'after');
  expect(await w.keysIn('c')).toHaveLength(3);
});

test('whoever does not know that a region joins is refused, sends it what it lacks, and nothing twice', async () => {
  const { w, a, topic } = await lost('c');
  const late = await w.process('b', { viewMs: 3_600_000 });
  await append(late, topic, 'it is out');
  w.weather.c = 'up';
  w.clock.advance(2 * MINUTE);
  await w.rejoin(a);

  const before = w.puts.length;
  await append(late, topic, 'it is in');
  expect(
    w.puts
      .slice(before)
      .map(({ region }) => region)
      .toSorted(),
  ).toEqual(['a', 'b', 'c']);
  expect(await w.keysIn('c')).toEqual(await w.keysIn('a'));
});

test('an append that was under way while a region joined is in the region when it is acknowledged', async () => {
  const { w, a, topic } = await lost('c');
  const late = await w.process('b', { viewMs: 3_600_000 });
  await append(late, topic, 'it is out');
  w.weather.c = 'up';
  // It joins, is given what was there, and is in sync, while the bytes of this one are on their way to b.
  w.weather.b = { slowMs: 10 };
  const under = append(late, topic, 'under way');
  w.clock.advance(2 * MINUTE);
  await Promise.all([under, w.rejoin(a)]);
  expect(stateOf(await a.replication!.inSync(), 'c')).toBe('in-sync');
  const [key] = w.puts
    .filter(({ region }) => region === 'b')
    .slice(-1)
    .map(({ key }) => key);
  expect(await w.keysIn('c')).toContain(key);
});

test('a head that was made while a region joined is asked for by nobody who does not know of it', async () => {
  const { w, a, topic } = await lost('c');
  const late = await w.process('b', { viewMs: 3_600_000 });
  await append(late, topic, 'it is out');
  w.weather.c = 'up';
  await a.replication!.membership.change((inSync, now) => beginJoin(inSync, 'c', now));
  // Its heads were raised before this one was there.
  const wider = await a.topics.addPartitions(topic.name, 17);
  await append(late, wider, 'new head', ALL, 16);
  const keys = await w.keysIn('c');
  expect(keys.at(-1)).toBe((await w.keysIn('b')).at(-1));
});

test('a region that is lost again while it joins is out, and joins later', async () => {
  const { w, a, topic } = await lost('c');
  w.weather.c = 'up';
  await a.replication!.membership.change((inSync, now) => beginJoin(inSync, 'c', now));
  w.weather.c = 'down';
  w.clock.advance(MINUTE);
  expect(await append(a, topic, 'go on')).toBe(2);
  expect(stateOf(await a.replication!.inSync(), 'c')).toBe('out');
  w.weather.c = 'up';
  w.clock.advance(2 * MINUTE);
  await w.rejoin(a);
  expect(stateOf(await a.replication!.inSync(), 'c')).toBe('in-sync');
});

test('a region that answers, but lags, does not join', async () => {
  const { w, a } = await lost('c');
  for (const weather of ['hangs', { slowMs: 3_000 }] as const) {
    w.weather.c = weather;
    w.clock.advance(2 * MINUTE);
    await w.rejoin(a);
    expect(stateOf(await a.replication!.inSync(), 'c')).toBe('out');
  }
});

test('a region that is lost while it is given what it lacks is looked at again as soon as one that was never back', async () => {
  const { w, a } = await lost('c');
  w.weather.c = 'up';
  await a.replication!.membership.change((inSync, now) => beginJoin(inSync, 'c', now));
  w.weather.c = 'down';
  w.clock.advance(2 * MINUTE);
  await w.rejoin(a);
  w.weather.c = 'up';
  w.clock.advance(2 * MINUTE);
  await w.rejoin(a);
  expect(stateOf(await a.replication!.inSync(), 'c')).toBe('in-sync');
});

test('a region is not in sync while the only other that a topic is in is out', async () => {
  const w = world();
  const [c, b] = [await w.process('c'), await w.process('b')];
  const topic = await c.topics.create({ name: 'narrow', replicationFactor: 2 });
  const everywhere = await newTopic(b);
  expect(topic.replicas?.toSorted()).toEqual(['a', 'c']);
  w.weather.a = 'down';
  await append(c, topic, 'only in c');
  const states = async () => {
    const inSync = await b.replication!.membership.refresh();
    return w.names.map((name) => stateOf(inSync, name));
  };
  expect(await states()).toEqual(['out', 'in-sync', 'in-sync']);
  w.weather.a = 'up';
  w.weather.c = 'down';
  await append(b, everywhere, 'c goes');
  w.clock.advance(2 * MINUTE);
  await w.rejoin(b);
  expect(await states()).toEqual(['joining', 'in-sync', 'out']);
  await expect(append(b, topic, 'where?')).rejects.toMatchObject({ kafka: 'NOT_ENOUGH_REPLICAS' });

  w.weather.c = 'up';
  for (let round = 0; round < 2; round++) {
    w.clock.advance(2 * MINUTE);
    await w.rejoin(b);
  }
  expect(await states()).toEqual(['in-sync', 'in-sync', 'in-sync']);
  const [key] = (await w.keysIn('c')).filter((key) => key.startsWith(topic.id));
  expect(await w.keysIn('a')).toContain(key);
});

test('what acks=1 left in one region, and its bucket has not brought to the others, a scrub brings', async () => {
  const w = world();
  const a = await w.process('a');
  const topic = await newTopic(a);
  await append(a, topic, 'one', ONE);
  expect(await w.keysIn('b')).toEqual([]);
  await w.rejoin(a, { scrub: true });
  expect(await w.keysIn('b')).toEqual(await w.keysIn('a'));
  expect(await w.keysIn('c')).toEqual(await w.keysIn('a'));
});

test('what was merged is in every region before the pieces go', async () => {
  const w = world();
  const a = await w.process('a');
  const topic = await newTopic(a);
  for (let i = 0; i < 40; i++) {
    await append(a, topic, `${i}`);
    w.clock.advance(300);
    await a.log.settled();
  }
  const context = { objects: a.storage.objects, items: w.items.log, clock: w.clock };
  const { objects } = await mergePartition(context, topic, 0, { segmentBytes: 1 << 30, force: true });
  expect(objects).toBe(1);
  w.clock.advance(60 * MINUTE);
  await collectGarbage(context, topic, { graceMs: MINUTE });
  const keys = await w.keysIn('a');
  expect(keys.filter((key) => key.includes('/segments/'))).toHaveLength(1);
  expect(keys.length).toBeLessThan(40);
  expect(await w.keysIn('b')).toEqual(keys);
  expect(await w.keysIn('c')).toEqual(keys);
});

test('what was merged while a region joined is in that region before its pieces can go', async () => {
  const { w, a, topic } = await lost('c');
  for (let i = 0; i < 40; i++) {
    await append(a, topic, `${i}`);
    w.clock.advance(300);
    await a.log.settled();
  }
  const late = await w.process('b', { viewMs: 3_600_000 });
  await append(late, topic, 'it is out');
  w.weather.c = 'up';
  // The segment is on its way to b, from one who has not heard of c, until c has been given what there was.
  w.weather.b = { slowMs: 10 };
  const context = { objects: late.storage.objects, items: w.items.log, clock: w.clock };
  const merging = mergePartition(context, topic, 0, { segmentBytes: 1 << 30, force: true });
  w.clock.advance(2 * MINUTE);
  await Promise.all([merging, w.rejoin(a)]);
  expect(stateOf(await a.replication!.inSync(), 'c')).toBe('in-sync');
  const segments = (await w.keysIn('b')).filter((key) => key.includes('/segments/'));
  expect(segments).toHaveLength(1);
  expect(await w.keysIn('c')).toContain(segments[0]);
});

test('the daily sweep has the regions compared, and looks at one that is out though nobody noted it', async () => {
  const { w, a, topic } = await lost('c');
  await append(a, topic, 'one', ONE);
  const due = await w.items.log.query({ pk: DUE_PK, limit: 100 });
  for (const { pk, sk } of due.items) await w.items.log.delete({ pk, sk });
  w.weather.c = 'up';
  await w.rejoin(a);
  expect(stateOf(await a.replication!.inSync(), 'c')).toBe('out');

  const sweep = dueItem(ALL_TOPICS, SWEEP_UNIT, w.clock.now());
  await w.items.log.put(sweep);
  await work(a, sweep.sk);
  await w.rejoin(a);
  expect(stateOf(await a.replication!.inSync(), 'c')).toBe('in-sync');
  const keys = await w.keysIn('a');
  expect(keys).toHaveLength(3);
  expect(await w.keysIn('b')).toEqual(keys);
  expect(await w.keysIn('c')).toEqual(keys);
});

test('nothing is merged into fewer regions than min.insync.replicas', async () => {
  const { w, a, topic } = await lost('c');
  w.weather.b = 'down';
  await append(a, topic, 'alone');
  const put = a.storage.objects.put('key', [new Uint8Array(1)], { minInsyncReplicas: 2 });
  await expect(put).rejects.toMatchObject({ kafka: 'NOT_ENOUGH_REPLICAS' });
});

test('garbage that a region kept while it was away goes when it is back', async () => {
  const { w, a, topic } = await lost('c');
  await a.log.deleteRecords(topic, 0, 2);
  for (let i = 0; i < 40; i++) {
    await append(a, topic, `${i}`);
    w.clock.advance(300);
    await a.log.settled();
  }
  w.clock.advance(60 * MINUTE);
  const context = { objects: a.storage.objects, items: w.items.log, clock: w.clock };
  await collectGarbage(context, topic, { graceMs: MINUTE });
  const kept = (await w.keysIn('c')).length;
  w.weather.c = 'up';
  await w.rejoin(a);
  expect((await w.keysIn('c')).length).toBeGreaterThan((await w.keysIn('a')).length);
  expect(kept).toBe(1);
  await collectGarbage(context, topic, { graceMs: MINUTE });
  expect(await w.keysIn('c')).toEqual(await w.keysIn('a'));
});

test('what is left of a topic that was purged while a region was away goes when it is back', async () => {
  const { w, a, topic } = await lost('c');
  await a.topics.delete(topic.name);
  // A day later a purge has forgotten it.
  const marks = await w.items.metadata.query({ pk: 'deleted-topic', limit: 10 });
  for (const { pk, sk } of marks.items) await w.items.metadata.delete({ pk, sk });
  w.weather.c = 'up';
  w.clock.advance(48 * 60 * MINUTE);
  expect(await w.keysIn('c')).toHaveLength(1);
  for (const name of ['a', 'b']) await w.buckets[name]!.delete(await w.keysIn(name));
  await w.rejoin(a);
  expect(await w.keysIn('c')).toEqual([]);
});

test('what is left of a topic that was purged while two regions were away goes from both, though each has what the other has', async () => {
  const { w, a, topic } = await lost('c');
  w.weather.b = 'down';
  const kept = await a.topics.create({ name: 'kept' });
  await append(a, kept, 'b goes');
  await a.topics.delete(topic.name);
  const marks = await w.items.metadata.query({ pk: 'deleted-topic', limit: 10 });
  for (const { pk, sk } of marks.items) await w.items.metadata.delete({ pk, sk });
  const ofTopic = async (name: string) => (await w.keysIn(name)).filter((key) => key.startsWith(topic.id));
  await w.buckets.a!.delete(await ofTopic('a'));
  w.weather.b = 'up';
  w.weather.c = 'up';
  w.clock.advance(2 * MINUTE);
  // As young as what a topic that is about to be made may have.
  await w.rejoin(a);
  expect(await ofTopic('b')).toHaveLength(2);
  expect(await ofTopic('c')).toHaveLength(1);
  w.clock.advance(48 * 60 * MINUTE);
  await w.rejoin(a, { scrub: true });
  const left = await w.keysIn('a');
  expect(left.every((key) => key.startsWith(kept.id))).toBe(true);
  expect(left).toHaveLength(1);
  expect(await w.keysIn('b')).toEqual(left);
  expect(await w.keysIn('c')).toEqual(left);
});
