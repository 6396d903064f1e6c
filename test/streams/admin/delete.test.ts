import { TABLES } from '../../../lib/storage/ports.ts';
import { deleteApplication } from '../../../lib/streams/admin/deleteApplication.ts';
import { createRegistry } from '../../../lib/streams/registry/registry.ts';
import { DAY, HOUR, keepFor, startKeeper } from '../../maintenance/schedules.ts';
import { expectOnce, oracle, startProcess } from '../countedWords.ts';
import {
  applicationId,
  ends,
  LIMITS,
  newWorld,
  openOver,
  sleeper,
  told,
  type World,
  work,
} from './support.ts';

/** Keys of all that is stored, but for what is of the topics of others. */
async function left({ storage, wadi }: World): Promise<string[]> {
  const others = await Promise.all(['lines', 'words'].map((name) => wadi.topics.describe(name)));
  const isOthers = (key: string) =>
    others.some(({ id, name }) => key.includes(id) || key === `topic ${name}`);
  const { objects } = await storage.objects.list('', { limit: 1_000 });
  const keys = objects.map(({ key }) => key);
  for (const table of TABLES) {
    const { items } = await storage[table].scan({ limit: 1_000 });
    keys.push(...items.map(({ pk, sk }) => `${pk} ${sk}`));
  }
  return keys.filter((key) => !isOthers(key)).sort();
}

test('of an application that is deleted nothing is left, when maintenance has been there', async () => {
  const w = await newWorld(1);
  const before = await left(w);
  await work(w, w.storage);
  expect((await left(w)).length).toBeGreaterThan(before.length + 10);
  await deleteApplication(w.wadi, applicationId);
  expect((await w.storage.groups.scan({ limit: 10 })).items).toEqual([]);
  expect((await w.wadi.topics.list()).map(({ name }) => name)).toEqual(['lines', 'words']);
  const keeper = await startKeeper(w.storage, w.clock);
  await keepFor(keeper, w.clock, DAY + HOUR);
  // A plan of its own, and nothing that would be due of the application.
  expect((await left(w)).filter((key) => !/^due \d+\/sweep$/.test(key))).toEqual(before);
});

test('a worker of it that comes later begins anew, and what it appends is no one else’s', async () => {
  const w = await newWorld(2);
  for (let time = 0; time < 3; time++) {
    const from = await ends(w);
    await work(w, w.storage);
    expectOnce(await told(w, from), w.lines);
    await deleteApplication(w.wadi, applicationId);
  }
});

test('whoever dies of it, between any two calls, has it done by the next', async () => {
  for (let dies = 1; ; dies++) {
    const w = await newWorld(dies);
    await work(w, w.storage);
    const dying = await startProcess(w.storage, w.clock, dies);
    await deleteApplication(dying.wadi, applicationId).catch((error) => {
      if (!dying.isDead()) throw error;
    });
    await deleteApplication(w.wadi, applicationId).catch((error) =>
      expect(error).toMatchObject({
        kafka: 'GROUP_ID_NOT_FOUND',
        message: "Application 'count' does not exist.",
      }),
    );
    expect((await w.storage.groups.scan({ limit: 10 })).items).toEqual([]);
    expect((await w.storage.objects.list('s', { limit: 10 })).objects).toEqual([]);
    expect((await w.wadi.topics.list()).map(({ name }) => name)).toEqual(['lines', 'words']);
    if (!dying.isDead()) {
      expect(dies).toBeGreaterThan(60);
      return;
    }
  }
}, 120_000);

test('a worker that slept at any call, while its application was deleted and began anew, adds nothing to it', async () => {
  for (let call = 1; ; call++) {
    const w = await newWorld(3);
    const sleepy = sleeper(w.storage, call);
    const working = work(w, sleepy.storage).catch(() => undefined);
    const slept = await Promise.race([sleepy.asleep, working]);
    if (slept !== 'asleep') return;
    w.clock.advance(2 * LIMITS.leaseMs);
    const isKnown = (await createRegistry(w.storage.groups, w.clock).find(applicationId)) !== undefined;
    if (isKnown) await deleteApplication(w.wadi, applicationId);
    const from = await ends(w);
    await work(w, w.storage);
    sleepy.wake();
    await working;
    w.clock.advance(2 * LIMITS.leaseMs);
    await work(w, w.storage);
    expectOnce(await told(w, from), w.lines);
  }
}, 120_000);

test('a worker that slept at any call before its first lease, and wakes when its application is gone, loses nothing of what the next reads', async () => {
  for (let call = 1; ; call++) {
    const w = await newWorld(3);
    const { storage, asleep, wake } = sleeper(w.storage, call);
    const working = work(w, storage).catch(() => undefined);
    if ((await Promise.race([asleep, working])) !== 'asleep') break;
    w.clock.advance(2 * LIMITS.leaseMs);
    const isDeleted = await deleteApplication(w.wadi, applicationId).then(
      () => true,
      () => false,
    );
    const from = await ends(w);
    wake();
    await working;
    for (let times = 0; times < 2; times++) {
      w.clock.advance(2 * LIMITS.leaseMs);
      await work(w, w.storage).catch(() => undefined);
    }
    // Before it has told of itself there is nothing to delete.
    if (!isDeleted) continue;
    // Some may be told twice: by one that woke, and of the application that comes behind.
    const last = new Map(await told(w, from));
    expect([call, last]).toEqual([call, oracle(w.lines)]);
  }
}, 120_000);

test('a deletion that slept at any call, while another was done and a worker began anew, takes nothing of it', async () => {
  const outcomes = new Set<string>();
  for (let call = 1; ; call++) {
    const w = await newWorld(4);
    await work(w, w.storage);
    const sleepy = sleeper(w.storage, call);
    const outcome = openOver(sleepy.storage, w.clock)
      .then((wadi) => deleteApplication(wadi, applicationId))
      .then(
        () => 'done',
        (error) => error.kafka as string,
      );
    if ((await Promise.race([sleepy.asleep, outcome])) !== 'asleep') break;
    await deleteApplication(w.wadi, applicationId);
    let from = await ends(w);
    await work(w, w.storage);
    const before = JSON.stringify((await w.storage.groups.scan({ limit: 10 })).items);
    sleepy.wake();
    const came = await outcome;
    const isDone = JSON.stringify((await w.storage.groups.scan({ limit: 10 })).items) !== before;
    outcomes.add(`${came}, ${isDone ? 'again' : 'before'}`);
    if (isDone) {
      if (came !== 'done') await deleteApplication(w.wadi, applicationId);
      from = await ends(w);
    }
    await work(w, w.storage);
    expectOnce(await told(w, from), w.lines);
  }
  const known = [
    ...['NON_EMPTY_GROUP, before', 'REQUEST_TIMED_OUT, again', 'REQUEST_TIMED_OUT, before'],
    ...['done, again', 'done, before'],
  ];
  expect([...outcomes].toSorted()).toEqual(known);
}, 120_000);
