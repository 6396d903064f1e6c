import { Serdes, StreamsBuilder } from '../../lib/streams/index.ts';
import type { StreamsApplication } from '../../lib/streams/runtime/application.ts';
import { createStreamsWorker, type WorkerRun } from '../../lib/streams/runtime/worker.ts';
import type { Wadi } from '../../lib/wadi.ts';

const { string } = Serdes;

/** Counts the values of a topic, by way of a topic of its own: task 0_… reads the one, task 1_… the other. */
export function counting(applicationId: string, topic: string, to?: string): StreamsApplication {
  const builder = new StreamsBuilder();
  const counts = builder
    .stream(topic, { keySerde: string, valueSerde: string })
    .groupBy((_, value) => value, { keySerde: string })
    .count({ storeName: 'counts' });
  if (to !== undefined) counts.toStream().to(to);
  return { applicationId, topology: builder.build() };
}

/** A worker that begins now, and works until there is nothing to do. */
export function runApplication(wadi: Wadi, application: StreamsApplication): Promise<WorkerRun> {
  const warn = (error: unknown) => {
    throw error;
  };
  return createStreamsWorker(wadi, application, { warn }).run(wadi.clock.now() + 3_600_000);
}
