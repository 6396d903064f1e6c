import { collectGarbage } from '../../../lib/maintenance/collectGarbage.ts';
import type { GarbageCursor } from '../../../lib/maintenance/garbage.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from '../../../lib/maintenance/limits.ts';
import { ask, type Client, currentTopic, pause } from './client.ts';

/** Adds partitions to its topic, or deletes it: then whoever comes next makes it anew. */
export async function administrator(client: Client, operations: number): Promise<void> {
  const { random, recorder } = client;
  for (let n = 0; n < operations; n++) {
    await pause(client, random.between(100, 3_000));
    const { name, partitions } = await currentTopic(client);
    const grows = random.chance(0.6);
    if (!grows) recorder.deletions.add(name);
    const processes = [client.anyProcess(), client.another()].filter((process) => process !== undefined);
    const answers = await Promise.all(
      processes.map((process) =>
        ask<unknown>(client, process, ({ topics }) =>
          grows ? topics.addPartitions(name, partitions + 1) : topics.delete(name),
        ),
      ),
    );
    for (const { answer } of answers) if (answer.is === 'error') recorder.failure(answer.error);
  }
}

/** Collects garbage with less patience than anyone should have: what was uploaded a moment ago may go. */
export async function collector(client: Client, operations: number): Promise<void> {
  const { random, recorder } = client;
  const limits: MaintenanceLimits = {
    ...MAINTENANCE_LIMITS,
    candidatesPerWindow: random.between(1, 20),
    rowsPerPage: random.between(1, 3),
    pagesPerStep: random.between(1, 3),
    stepsPerCall: random.between(5, 40),
    deletesAtOnce: random.between(1, 4),
  };
  let cursor: GarbageCursor | undefined;
  for (let n = 0; n < operations; n++) {
    await pause(client, random.chance(0.5) ? random.between(10, 100) : random.between(100, 2_000));
    const topic = await currentTopic(client);
    const options = { graceMs: random.pick([0, 5, 200, 2_000]), ...(cursor && { cursor }) };
    const processes = [client.anyProcess(), client.another()].filter((process) => process !== undefined);
    const answers = await Promise.all(
      processes.map((process) =>
        ask(client, process, ({ storage, clock }) =>
          collectGarbage({ objects: storage.objects, items: storage.log, clock, limits }, topic, options),
        ),
      ),
    );
    for (const { answer } of answers) {
      if (answer.is === 'error') recorder.failure(answer.error);
      if (answer.is === 'ok') cursor = answer.value.cursor;
    }
  }
}
