import { TopologyTestDriver } from '../../../lib/streams/driver/topologyTestDriver.ts';
import type { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';

const { string } = Serdes;
export const strings = { keySerde: string, valueSerde: string };

/** What the joiner is given. `null`: that there is none. */
export const pair = (left: string | undefined, right: string | undefined): string =>
  `[${left ?? null}, ${right ?? null}]`;

/** A row of Kafka's tables: when, what comes from either side (`null`: a record without a value), and what is told then. */
export type Row = readonly [
  timestamp: number,
  left: string | null | undefined,
  right: string | null | undefined,
  told: readonly (string | null)[],
];

/** Plays a table, all of it with one key, and says what each row has come to. */
export function play(builder: StreamsBuilder, rows: readonly Row[], scaleMs: number): Row[] {
  const driver = new TopologyTestDriver(builder.build());
  const lefts = driver.createInputTopic('left', string, string);
  const rights = driver.createInputTopic('right', string, string);
  const joined = driver.createOutputTopic('joined', string, string);
  return rows.map(([timestamp, left, right]) => {
    if (left !== undefined) lefts.pipeInput('key', left, { timestamp: timestamp * scaleMs });
    if (right !== undefined) rights.pipeInput('key', right, { timestamp: timestamp * scaleMs });
    return [timestamp, left, right, joined.readKeyValues().map(([, value]) => value)];
  });
}
