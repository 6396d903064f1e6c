import { decodeBatches } from '../../../lib/record/decode.ts';
import type { Storage } from '../../../lib/storage/ports.ts';
import { createStreamsWorker } from '../../../lib/streams/runtime/worker.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';
import { createWadi, type Wadi } from '../../../lib/wadi.ts';
import { seeded } from '../../simulation/random.ts';
import { intercepted } from '../../support/faults.ts';
import { LIMITS as FEW, wordCount, world } from '../countedWords.ts';

export type World = Awaited<ReturnType<typeof world>>;

/** Steps in objects, and snapshots after each; one task at a time, so that who sleeps does nothing else. */
export const LIMITS = { ...FEW, inlineBytes: 0, snapshotRecords: 1, tasksAtOnce: 1 };
export const application = wordCount();
export const { applicationId } = application;

export const newWorld = (seed: number): Promise<World> => world(seeded(seed));

/** A worker that begins now, in a process of its own, and works until there is nothing that it may do, or until it has asked so often whether to stop. */
export async function work(
  { clock }: World,
  storage: Storage,
  asks = Number.POSITIVE_INFINITY,
): Promise<void> {
  const failures: unknown[] = [];
  const wadi = await openOver(storage, clock);
  let left = asks;
  const options = {
    ...{ limits: LIMITS, warn: (error: unknown) => failures.push(error) },
    isStopping: () => left-- <= 0,
  };
  await createStreamsWorker(wadi, application, options).run(clock.now() + 600_000);
  await wadi.log.settled();
  if (failures.length > 0) throw failures[0];
}

export const openOver = (storage: Storage, clock: World['clock']): Promise<Wadi> =>
  createWadi({ storage, clock, clusterId: 'test', warn: () => undefined });

/** By partition, where the topic of outputs ends. */
export async function ends({ wadi }: World): Promise<number[]> {
  const topic = await wadi.topics.describe('words');
  const bounds = await wadi.log.boundsOf(topic, [0, 1, 2]);
  return bounds.map(({ highWatermark }) => highWatermark);
}

/** What was told of words, and how often they were counted, from there on. */
export async function told({ wadi }: World, from: readonly number[]): Promise<[string, number][]> {
  const topic = await wadi.topics.describe('words');
  const found: [string, number][] = [];
  for (const [partition, offset] of from.entries()) {
    const request = { partition, offset, maxBytes: 1 << 20, minBytes: 0, maxWaitMs: 0 };
    const { bytes } = await wadi.log.fetch(topic, request);
    for (const { key, value } of decodeBatches(bytes, { fromOffset: offset }))
      found.push([Serdes.string.deserialize(key!), Serdes.long.deserialize(value!)]);
  }
  return found;
}

/** A storage that, at the call of that number, sleeps until it is woken. */
export function sleeper(storage: Storage, call: number) {
  let wake = () => {};
  const woken = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let fallAsleep = () => {};
  const asleep = new Promise<'asleep'>((resolve) => {
    fallAsleep = () => resolve('asleep');
  });
  let calls = 0;
  const sleepy = intercepted(storage, async (_call, proceed) => {
    if (++calls === call) {
      fallAsleep();
      await woken;
    }
    return proceed();
  });
  return { storage: sleepy, asleep, wake: () => wake() };
}
