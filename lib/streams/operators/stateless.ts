import type { ProcessorContext, ProcessorSupplier } from '../processor/processor.ts';
import { requireSync } from '../processor/requireSync.ts';
import type { StreamRecord } from '../record.ts';

type Forward<K, V> = ProcessorContext<K, V>['forward'];

/** A processor that keeps nothing: what it makes of a record it forwards. */
export function stateless<KIn, VIn, KOut, VOut>(
  process: (record: StreamRecord<KIn, VIn>, forward: Forward<KOut, VOut>) => void,
): ProcessorSupplier<KIn, VIn, KOut, VOut> {
  return () => {
    let forward: Forward<KOut, VOut>;
    return {
      init(context) {
        forward = context.forward;
      },
      process: (record) => process(record, forward),
    };
  };
}

export const filter = <K, V>(predicate: (key: K, value: V) => boolean) =>
  stateless<K, V, K, V>((record, forward) => {
    if (requireSync(predicate(record.key, record.value))) forward(record);
  });

export const map = <K, V, KR, VR>(mapper: (key: K, value: V) => readonly [KR, VR]) =>
  stateless<K, V, KR, VR>((record, forward) => {
    const [key, value] = requireSync(mapper(record.key, record.value));
    forward({ ...record, key, value });
  });

export const mapValues = <K, V, VR>(mapper: (value: V, key: K) => VR) =>
  stateless<K, V, K, VR>((record, forward) =>
    forward({ ...record, value: mapper(record.value, record.key) }),
  );

export const flatMap = <K, V, KR, VR>(mapper: (key: K, value: V) => Iterable<readonly [KR, VR]>) =>
  stateless<K, V, KR, VR>((record, forward) => {
    for (const [key, value] of requireSync(mapper(record.key, record.value)))
      forward({ ...record, key, value });
  });

export const flatMapValues = <K, V, VR>(mapper: (value: V, key: K) => Iterable<VR>) =>
  stateless<K, V, K, VR>((record, forward) => {
    for (const value of requireSync(mapper(record.value, record.key))) forward({ ...record, value });
  });

export const peek = <K, V>(action: (key: K, value: V) => void) =>
  stateless<K, V, K, V>((record, forward) => {
    requireSync(action(record.key, record.value));
    forward(record);
  });

export const passThrough = <K, V>() => stateless<K, V, K, V>((record, forward) => forward(record));

/** To the child of the first predicate that holds; to the last child, if there is one more, what none does. */
export const branch = <K, V>(
  predicates: readonly ((key: K, value: V) => boolean)[],
  children: readonly string[],
) =>
  stateless<K, V, K, V>((record, forward) => {
    const found = predicates.findIndex((predicate) => requireSync(predicate(record.key, record.value)));
    const child = children[found < 0 ? predicates.length : found];
    if (child !== undefined) forward(record, child);
  });
