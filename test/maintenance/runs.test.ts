import { MAINTENANCE_LIMITS } from '../../lib/maintenance/limits.ts';
import { noteRun, readRun, startRun } from '../../lib/maintenance/runs.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { HOUR, house, keepFor } from './schedules.ts';

test('a run that is done stays done, though a word of when it was not comes late', async () => {
  const { keeper, topic, clock, storage, write } = await house(memoryStorage());
  await write(2);
  const { runId } = await startRun(keeper.wadi, topic, MAINTENANCE_LIMITS, () => undefined);
  await keepFor(keeper, clock, HOUR);
  const done = await readRun(keeper.wadi, runId);
  expect(done).toMatchObject({ left: 0, counts: { merges: 2 } });
  await noteRun(storage.log, runId, `${topic.id}/all`, { name: topic.name, done: false, counts: {} });
  expect(await readRun(keeper.wadi, runId)).toEqual(done);
});

test('a unit that was given up tells why, though a word of before comes late; who does it all the same is believed', async () => {
  const { keeper, topic, storage } = await house(memoryStorage());
  const { runId } = await startRun(keeper.wadi, topic, MAINTENANCE_LIMITS, () => undefined);
  const note = (progress: { done: boolean; error?: string }, isGivenUp?: boolean) =>
    noteRun(storage.log, runId, `${topic.id}/all`, { name: topic.name, counts: {}, ...progress }, isGivenUp);
  const unit = async () => (await readRun(keeper.wadi, runId))!.units[0];
  await note({ done: false, error: 'no storage' });
  await note({ done: false });
  expect(await unit()).toEqual({ name: topic.name, done: false, counts: {} });
  await note({ done: false, error: 'no storage' }, true);
  await note({ done: false });
  expect(await unit()).toMatchObject({ done: false, error: 'no storage' });
  await note({ done: true });
  await note({ done: false, error: 'no storage' }, true);
  expect(await unit()).toEqual({ name: topic.name, done: true, counts: {} });
});
