import type { Groups, MemberConfig, MemberName } from '../../lib/group/groups.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { testClock } from '../support/log.ts';
import { join, type Polled, poll, produce, startWadi, withTopic } from './support.ts';

const PARTITIONS = 5;

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Three processes that share a storage; each call goes to one of them. */
async function cluster(random: () => number) {
  const clock = testClock();
  const storage = memoryStorage();
  const processes = await Promise.all([1, 2, 3].map(() => startWadi(storage, clock)));
  const wadi = processes[0]!;
  await withTopic(wadi, 'orders', PARTITIONS);
  const any = (): Groups => processes[Math.floor(random() * processes.length)]!.groups;
  return { clock, wadi, any };
}

interface Consumer {
  readonly member: MemberName;
  n: number;
}

const key = (n: number): string => `k/${n}`;

/** The answer of each poll and of each commit is lost; then it is asked for again: at once, or while the first is under way. */
async function consume(consumer: Consumer, any: () => Groups, random: () => number, byHand: boolean) {
  const { member, n } = consumer;
  const most = 1 + Math.floor(random() * 7);
  const ask = () => poll(any(), member, { most, idempotencyKey: key(n) }).catch(ifUsedUp);
  const commit = () => (byHand ? any().commit(member, undefined, key(consumer.n)) : undefined);
  const lost = ask();
  if (random() < 0.7) await lost;
  const [again, first] = await Promise.all([ask(), lost]);
  if (first.records.length > 0 && again.records.length > 0) expectSame(again.records, first.records);
  if (again.records.length > 0 || 'isUsedUp' in again) consumer.n++;
  const lostCommit = commit();
  if (random() < 0.7) await lostCommit;
  await Promise.all([commit(), lostCommit]);
  return again.records;
}

/** What it gave went to others. */
function ifUsedUp(error: unknown): { records: readonly Polled[]; isUsedUp: true } {
  expect(error).toMatchObject({ kafka: 'INVALID_FETCH_SESSION_EPOCH' });
  return { records: [], isUsedUp: true };
}

/** But for partitions that went to others between them, in whatever order they were served. */
function expectSame(...answers: [readonly Polled[], readonly Polled[]]): void {
  const [less, more] = answers.toSorted((a, b) => a.length - b.length) as typeof answers;
  expect(more).toEqual(expect.arrayContaining([...less]));
}

describe.each([
  ['by hand', { enableAutoCommit: false }],
  ['by itself', { enableAutoCommit: true, autoCommitIntervalMs: 0 }],
] as [string, Partial<MemberConfig>][])('a member that commits %s', (_, config) => {
  const byHand = config.enableAutoCommit === false;

  test.each([1, 2, 3, 4])(
    'gets each record once, though each answer is lost once, through any process (seed %i)',
    async (seed) => {
      const random = randomFrom(seed);
      const { clock, wadi, any } = await cluster(random);
      const consumer = { member: await join(any(), 'one', config), n: 0 };
      const got: string[] = [];
      let sent = 0;
      for (let round = 0; round < 60; round++) {
        if (round < 30)
          await produce(wadi, 'orders', Math.floor(random() * PARTITIONS), `${sent++}`, `${sent++}`);
        clock.advance(50 + Math.floor(random() * 500));
        const records = await consume(consumer, any, random, byHand);
        got.push(...records.map(([, , , value]) => value));
      }
      expect(got.map(Number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, i) => i));
    },
  );

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'and others who come and go get each record between them, though each answer is lost once (seed %i)',
    async (seed) => {
      const random = randomFrom(100 + seed);
      const { clock, wadi, any } = await cluster(random);
      const consumers: Consumer[] = [];
      const got = new Set<string>();
      let sent = 0;
      for (let round = 0; round < 90; round++) {
        if (round < 60)
          await produce(wadi, 'orders', Math.floor(random() * PARTITIONS), `${sent++}`, `${sent++}`);
        clock.advance(50 + Math.floor(random() * 500));
        if (consumers.length < 2 || (consumers.length < 4 && random() < 0.15)) {
          consumers.push({ member: await join(any(), `c${round}`, config), n: 0 });
        } else if (round < 60 && random() < 0.1) {
          const [{ member, n }] = consumers.splice(Math.floor(random() * consumers.length), 1) as [Consumer];
          await any().leave(member, key(n));
        }
        const answers = await Promise.all(consumers.map((one) => consume(one, any, random, byHand)));
        for (const [, , , value] of answers.flat()) got.add(value);
      }
      expect([...got].map(Number).toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: sent }, (_, i) => i),
      );
    },
  );
});
