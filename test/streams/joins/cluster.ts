import type { RawRecord } from '../../../lib/streams/record.ts';
import type { StoreChange } from '../../../lib/streams/state/store.ts';
import {
  createTask,
  NO_TIMES,
  type Output,
  type Task,
  type TaskTimes,
} from '../../../lib/streams/task/task.ts';
import type { Subtopology, Topology } from '../../../lib/streams/topology/topology.ts';
import type { Random } from '../../simulation/random.ts';

interface Worker {
  readonly subtopology: Subtopology;
  readonly partition: number;
  readonly topics: readonly string[];
  task: Task;
  times: TaskTimes;
  /** As a changelog has it: the last of each key. */
  readonly changes: Map<string, StoreChange>;
}

export interface Cluster {
  send(topic: string, record: RawRecord): void;
  /** Processes so many records, of whichever task and topic chance picks; fewer if there are no more. */
  step(most: number): void;
  /** Of topics that nothing reads. */
  readonly outputs: readonly Output[];
}

/** Tasks of all partitions, each going on as chance has it, and sometimes anew, from what its steps have left. */
export function createCluster(
  topology: Topology,
  partitionsOf: (topic: string) => number,
  random: Random,
  restarts = 0.1,
): Cluster {
  const queues = new Map<string, RawRecord[]>();
  const outputs: Output[] = [];
  const queue = (topic: string, partition: number): RawRecord[] => {
    const name = `${topic}/${partition}`;
    const found = queues.get(name) ?? [];
    queues.set(name, found);
    return found;
  };
  const start = ({ subtopology, partition }: Pick<Worker, 'subtopology' | 'partition'>, times: TaskTimes) =>
    createTask({ subtopology, partition, times, nowMs: 0 });
  const workers = topology.subtopologies.flatMap((subtopology): Worker[] => {
    const topics = subtopology.nodes.flatMap((node) => (node.kind === 'source' ? node.topics : []));
    const counts = topics.map(partitionsOf);
    return Array.from({ length: Math.max(...counts) }, (_, partition) => {
      const task = start({ subtopology, partition }, NO_TIMES);
      return { subtopology, partition, topics, task, times: NO_TIMES, changes: new Map() };
    });
  });
  const read = new Set(workers.flatMap(({ topics }) => topics));

  function append(topic: string, record: RawRecord, chosen?: Output['partition']): void {
    const partitions = partitionsOf(topic);
    const ofKey = Buffer.from(record.key ?? []).reduce((sum, byte) => sum + byte, 0) % partitions;
    queue(topic, chosen?.(partitions) ?? ofKey).push(record);
  }

  function restart(worker: Worker): void {
    worker.task = start(worker, worker.times);
    for (const change of worker.changes.values()) worker.task.restore(change);
  }

  return {
    outputs,
    send: (topic, record) => append(topic, record),
    step(most) {
      for (let i = 0; i < most; i++) {
        const waiting = workers.flatMap((worker) =>
          worker.topics.flatMap((topic) =>
            queue(topic, worker.partition).length > 0 ? [{ worker, topic }] : [],
          ),
        );
        if (waiting.length === 0) return;
        const { worker, topic } = random.pick(waiting);
        if (random.chance(restarts)) restart(worker);
        const record = queue(topic, worker.partition).shift()!;
        worker.task.process({ ...record, topic, offset: 0 });
        const step = worker.task.take();
        worker.times = step.times;
        for (const change of step.changes)
          worker.changes.set(`${change.store}/${Buffer.from(change.key).toString('latin1')}`, change);
        for (const output of step.outputs) {
          if (read.has(output.topic)) append(output.topic, output, output.partition);
          else outputs.push(output);
        }
      }
    },
  };
}
