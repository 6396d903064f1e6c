import type { ProcessorContext, ProcessorSupplier } from '../../processor/processor.ts';
import type { Change, StreamRecord } from '../../record.ts';
import type { SuppressBuffer } from '../../state/suppressBuffer.ts';

export interface SuppressRules<K> {
  readonly storeName: string;
  /** Since when a row is held back. */
  readonly since: (record: StreamRecord<K, unknown>) => number;
  /** And how long, by the stream time of what comes by here. */
  readonly forMs: number;
  readonly maxRecords: number;
  readonly onFull: 'emit-early' | 'shut-down';
}

/**
 * Holds changes of rows back, and tells the last of each when its time has come: Kafka's KTableSuppressProcessor (KIP-328). What the row was is
 * what was last told. Throws, `shut-down`, when more rows are held back than may be.
 */
export function suppress<K, V>(rules: SuppressRules<K>): ProcessorSupplier<K, Change<V>, K, Change<V>> {
  const { storeName, since, forMs, maxRecords, onFull } = rules;
  return () => {
    let context: ProcessorContext<K, Change<V>>;
    let buffer: SuppressBuffer<K, V>;

    function emitFirst(): void {
      const { value, ...record } = buffer.takeFirst()!;
      // Of a row that came and went meanwhile nobody has heard.
      if (value.newValue === undefined && value.oldValue === undefined) return;
      context.forward({ ...record, value });
    }

    return {
      init(given) {
        context = given;
        buffer = given.getStateStore(storeName);
      },
      process(record) {
        const due = context.observe(record.timestamp) - forMs;
        buffer.put(since(record), record);
        for (let time = buffer.firstTimeMs(); time !== undefined && time <= due; time = buffer.firstTimeMs())
          emitFirst();
        if (buffer.size <= maxRecords) return;
        if (onFull === 'shut-down')
          throw new Error(`${storeName} holds back ${buffer.size} rows, of ${maxRecords} at most`);
        while (buffer.size > maxRecords) emitFirst();
      },
    };
  };
}
