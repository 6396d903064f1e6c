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

/** The answer of each poll and of each commit is lost; then it is asked for again: at once, or while the first is under way. */
async function consume({ member, n }: Consumer, any: () => Groups, random: () => number, byHand: boolean) {
  const most = 1 + Math.floor(random() * 7);
  const ask = () => poll(any(), member, { most, idempotencyKey: `k/${n}` });
  const commit = () => (byHand ? any().commit(member) : undefined);
  const lost = ask();
  if (random() < 0.7) await lost;
  const [again, first] = await Promise.all([ask(), lost]);
  if (first.records.length > 0 && again.records.length > 0) expectSame(again.records, first.records);
  const lostCommit = commit();
  if (random() < 0.7) await lostCommit;
  await Promise.all([commit(), lostCommit]);
  return again.records;
}

/** Of the partitions that are still held. */
function expectSame(again: readonly Polled[], first: readonly Polled[]): void {
  expect(first).toEqual(expect.arrayContaining([...again]));
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
        if (records.length > 0) consumer.n++;
        got.push(...records.map(([, , , value]) => value));
      }
      expect(got.map(Number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, i) => i));
    },
  );

  test.each([1, 2, 3, 4, 5, 6])(
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
          await any().leave(consumers.splice(Math.floor(random() * consumers.length), 1)[0]!.member);
        }
        const answers = await Promise.all(consumers.map((one) => consume(one, any, random, byHand)));
        for (const [i, records] of answers.entries()) {
          if (records.length > 0) consumers[i]!.n++;
          for (const [, , , value] of records) got.add(value);
        }
      }
      expect([...got].map(Number).toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: sent }, (_, i) => i),
      );
    },
  );
});
