import type { StateStore, StoreChange } from '../../../lib/streams/state/store.ts';
import {
  createTask,
  NO_TIMES,
  type Output,
  type Task,
  type TaskTimes,
} from '../../../lib/streams/task/task.ts';
import type { Topology } from '../../../lib/streams/topology/topology.ts';

export interface Input {
  readonly key: string;
  readonly value: string;
  readonly timestamp: number;
}

export interface Run {
  readonly outputs: readonly Output[];
  readonly dropped: number;
  store(name: string): StateStore;
}

/**
 * All inputs, of topic `in`, through a topology of one sub-topology. Before those whose indexes are given the task dies, and another goes on with
 * nothing but what the steps have left.
 */
export function run(topology: Topology, inputs: readonly Input[], deaths: ReadonlySet<number>): Run {
  const [subtopology, ...others] = topology.subtopologies;
  if (others.length > 0) throw new Error('one sub-topology is needed');
  const changelog = new Map<string, StoreChange>();
  const outputs: Output[] = [];
  let dropped = 0;

  const start = (times: TaskTimes): Task => {
    const task = createTask({ subtopology: subtopology!, partition: 0, times, nowMs: 0 });
    for (const change of changelog.values()) task.restore(change);
    return task;
  };

  let task = start(NO_TIMES);
  let times = NO_TIMES;
  inputs.forEach(({ key, value, timestamp }, offset) => {
    if (deaths.has(offset)) task = start(times);
    task.process({
      topic: 'in',
      offset,
      key: Buffer.from(key),
      value: Buffer.from(value),
      timestamp,
      headers: [],
    });
    const step = task.take();
    times = step.times;
    outputs.push(...step.outputs);
    for (const count of Object.values(step.dropped)) dropped += count;
    for (const change of step.changes) {
      const name = `${change.store}/${Buffer.from(change.key).toString('hex')}`;
      if (change.value === null) changelog.delete(name);
      else changelog.set(name, change);
    }
  });
  return { outputs, dropped, store: (name) => task.store(name)! };
}
