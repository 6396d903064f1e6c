import { type ChangeEvent, createHandler } from '../../functions/waker.ts';
import { epochItems } from '../../lib/failover/epochItems.ts';
import { logErrorsBy } from '../../lib/logError.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Key } from '../../lib/storage/ports.ts';
import { Serdes, StreamsBuilder } from '../../lib/streams/index.ts';
import { createStreamsWorker } from '../../lib/streams/runtime/worker.ts';
import { createWadi } from '../../lib/wadi.ts';
import { intercepted } from '../support/faults.ts';
import { append, batch, testClock } from '../support/log.ts';

const { string } = Serdes;
const strings = { keySerde: string, valueSerde: string };

/** Counts by word, and so has a repartition topic and a changelog. */
function counting(applicationId: string, topic: string) {
  const builder = new StreamsBuilder();
  builder
    .stream(topic, strings)
    .groupBy((_, word) => word, strings)
    .count({ storeName: 'counts' })
    .toStream()
    .to('counted');
  return { applicationId, topology: builder.build() };
}

let logged: string[];
beforeEach(() => {
  logged = [];
  logErrorsBy(({ message }) => logged.push(message));
});

/** Two applications, each with a function, and a third that no function runs; `changes` is what has come through the table's stream since. */
async function started({ epoch = 1 } = {}) {
  const clock = testClock();
  let records: ChangeEvent['Records'][number][] = [];
  const memory = memoryStorage();
  const seen = intercepted(memory, async ({ store, args }, proceed) => {
    const outcome = await proceed();
    const { pk, sk } = args[0] as Key;
    if (store === 'log' && sk === 'head')
      records.push({ dynamodb: { Keys: { pk: { S: pk }, sk: { S: sk } } } });
    return outcome;
  });
  const storage = { ...seen, log: epochItems(seen.log, epoch) };
  const wadi = await createWadi({ storage, clock, clusterId: 'test' });
  for (const name of ['orders', 'users', 'counted']) await wadi.topics.create({ name });
  const workers = [
    ['billing', 'orders', 'fn-billing'] as const,
    ['audit', 'users', 'fn-audit'] as const,
    ['local', 'users', undefined] as const,
  ].map(([applicationId, topic, functionName]) =>
    createStreamsWorker(wadi, counting(applicationId, topic), {
      warn: (error) => {
        throw error;
      },
      ...(functionName && { functionName }),
    }),
  );
  for (const worker of workers) await worker.run(clock.now() + 10_000);

  const called: string[] = [];
  const invoke = async (name: string): Promise<boolean> => {
    called.push(name);
    return true;
  };
  const wake = createHandler(wadi, { invoke });
  records = [];
  return {
    ...{ wadi, clock, workers, called, invoke, wake },
    changes(): ChangeEvent {
      const Records = records;
      records = [];
      return { Records };
    },
    put: async (topic: string, ...words: string[]) => {
      for (const word of words)
        await append(
          wadi.log,
          await wadi.topics.describe(topic),
          0,
          batch([word], { keys: [{ key: word, isTombstone: false }] }),
        );
    },
  };
}

test('what is appended to a topic calls the application that reads it, once for all changes, and no other', async () => {
  const { wake, put, changes, called } = await started();
  await put('orders', 'one', 'two', 'three');
  const event = changes();
  expect(event.Records.length).toBeGreaterThanOrEqual(3);
  expect(await wake(event)).toBe(1);
  expect(called).toEqual(['fn-billing']);
});

test('two applications are called for what each reads; one that no function runs by nobody', async () => {
  const { wake, put, changes, called } = await started();
  await put('orders', 'one');
  await put('users', 'two');
  await wake(changes());
  expect(called.sort()).toEqual(['fn-audit', 'fn-billing']);
});

test('outputs and changelogs call nobody; what goes into a repartition topic calls who reads it', async () => {
  const { wake, put, changes, called, wadi } = await started();
  await put('counted', 'one');
  await put('billing-counts-changelog', 'one');
  expect(await wake(changes())).toBe(0);
  const names = (await wadi.topics.list()).map(({ name }) => name);
  await put(names.find((name) => /^billing-.*-repartition$/.test(name))!, 'one');
  await wake(changes());
  expect(called).toEqual(['fn-billing']);
});

test('a topic that is gone calls nobody, and one that took its name calls who reads it', async () => {
  const { wake, put, changes, called, wadi, clock } = await started();
  await put('orders', 'one');
  const before = changes();
  await wadi.topics.delete('orders');
  expect(await wake(before)).toBe(0);
  await wadi.topics.create({ name: 'orders' });
  clock.advance(3_000);
  expect(await wake(before)).toBe(0);
  await put('orders', 'two');
  await wake(changes());
  expect(called).toEqual(['fn-billing']);
});

test('keys of another epoch of the home are understood', async () => {
  const { wake, put, changes, called } = await started({ epoch: 2 });
  await put('orders', 'one');
  const event = changes();
  expect(event.Records[0]?.dynamodb?.Keys?.pk?.S).toMatch(/^e2\/head\//);
  await wake(event);
  expect(called).toEqual(['fn-billing']);
});

test.each([
  ['as soon as the list is read again', 10_000],
  ['though the clock was set back', -3_600_000],
])('an application that is new is called %s', async (_, passedMs) => {
  const { wake, put, changes, called, wadi, clock } = await started();
  await put('orders', 'one');
  await wake(changes());
  const late = createStreamsWorker(wadi, counting('late', 'orders'), {
    warn: () => undefined,
    functionName: 'fn-late',
  });
  await late.run(clock.now());
  called.length = 0;
  clock.advance(passedMs);
  await put('orders', 'two');
  await wake(changes());
  expect(called.sort()).toEqual(['fn-billing', 'fn-late']);
});

test('a function that cannot be called holds up no other, and has the changes handed over again', async () => {
  const { wadi, put, changes, called, invoke } = await started();
  let isDown = true;
  const wake = createHandler(wadi, {
    invoke: (name) => (isDown && name === 'fn-audit' ? Promise.reject(new Error('throttled')) : invoke(name)),
  });
  await put('users', 'one');
  await put('orders', 'two');
  const event = changes();
  await expect(wake(event)).rejects.toThrow('1 of 2 functions could not be called');
  expect(called).toEqual(['fn-billing']);
  expect(logged).toEqual(['throttled']);
  isDown = false;
  expect(await wake(event)).toBe(2);
  expect(called).toContain('fn-audit');
});

test('a function that is not there any more is told of once, and its changes are not handed over again', async () => {
  const { wadi, put, changes, called, invoke } = await started();
  let isThere = false;
  const wake = createHandler(wadi, {
    invoke: async (name) => (name === 'fn-audit' && !isThere ? false : invoke(name)),
  });
  for (const word of ['one', 'two']) {
    await put('users', word);
    await put('orders', word);
    await wake(changes());
  }
  expect(called).toEqual(['fn-billing', 'fn-billing']);
  expect(logged).toEqual(['The function fn-audit is not there, or does not let itself be called.']);
  isThere = true;
  await put('users', 'three');
  await wake(changes());
  expect(called.at(-1)).toBe('fn-audit');
});
