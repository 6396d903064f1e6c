import { blobsPrefix, objectKey } from '../../lib/log/blob.ts';
import { decodeEntry } from '../../lib/log/entry.ts';
import { IN_SYNC_KEY, type InSync, inSyncOf, parseInSync } from '../../lib/replication/inSync.ts';
import type { Action, Condition, Item, Key, Storage, WriteOutcome } from '../../lib/storage/ports.ts';
import type { Topic } from '../../lib/topic/topic.ts';
import { TOPIC_PK } from '../../lib/topic/topicItem.ts';
import type { PropertyReport } from '../../lib/verify/history.ts';
import type { Call } from '../support/faults.ts';
import type { Bucket } from './buckets.ts';
import { type Coverage, count } from './faults.ts';
import { livingSlices, slicesInUse } from './invariants.ts';

/** Sees all that is written to a cluster of several regions, and holds it to what is promised of them. */
export interface RegionsWatch {
  readonly names: readonly string[];
  /** Of a call that has landed. */
  note(coverage: Coverage, call: Call, result: unknown, nowMs: number): Promise<void>;
  /** With acks=all. */
  acknowledged(topic: Topic, partition: number, offset: number, records: number): Promise<void>;
  /** With NOT_ENOUGH_REPLICAS. */
  refused(topic: Topic, invokedAtMs: number): void;
  /** A reader was told that there are no bytes for what the head or the index names. */
  toldGone(topic: Topic, partition: number, offset: number, invokedAtMs: number): Promise<void>;
  /** A process that only serves begins to send an object to a bucket; call the answer when it is told, in time, that it is there. */
  sends(process: string, bucket: string, key: string): () => void;
  /** Nothing fails any more, and maintenance has done its work. */
  atRest(): Promise<void>;
  reports(): PropertyReport[];
}

/** Records that are promised to be in all regions in sync, and in so many at least. */
interface Kept {
  readonly from: number;
  readonly to: number;
  readonly least: number;
}

const REPORTS = {
  survives: 'an acknowledged record (acks=all) survives the loss of any one region',
  complete: 'a region in sync has all that was acknowledged with acks=all',
  inSync: 'the in-sync set is never empty, and its epoch only grows',
  refusals: 'NOT_ENOUGH_REPLICAS says that too few regions were in sync',
  once: 'a blob is sent to each region once',
  notGone: 'nothing is taken for gone that a region has',
  together: 'in the end every region is in sync, and has what the others have',
} as const;

export function watchRegions(storage: Storage, buckets: readonly Bucket[], marksStay: boolean): RegionsWatch {
  const names = buckets.map(({ name }) => name);
  const reports = new Map(
    Object.values(REPORTS).map((property) => [
      property,
      { property, checked: 0, violations: [] as string[] },
    ]),
  );
  const check = (which: keyof typeof REPORTS, holds: boolean, violation: () => string): void => {
    const report = reports.get(REPORTS[which])!;
    report.checked++;
    if (!holds) report.violations.push(violation());
  };
  /** As it was, and until when; of a cluster that nobody asked yet all are in sync. */
  const past: { readonly inSync: InSync; untilMs: number }[] = [];
  const byEpoch = new Map<number, InSync>();
  let now: InSync | undefined;
  const replicas = new Map<string, readonly string[]>();
  /** Topics that are, or are being, deleted. */
  const gone = new Set<string>();
  const kept = new Map<string, Kept[]>();
  /** When rows of a partition were written last. */
  const indexAtMs = new Map<string, number>();
  const taken = new Set<string>();

  const replicasOf = (topicId: string) => replicas.get(topicId) ?? names;
  const inSyncNow = (topicId: string) =>
    now === undefined ? replicasOf(topicId) : inSyncOf(now, replicasOf(topicId));
  const has = async (bucket: string, key: string): Promise<boolean> =>
    (await buckets.find(({ name }) => name === bucket)!.objects.get(key)) !== undefined;
  const holdersOf = async (key: string): Promise<string[]> => {
    const found = await Promise.all(names.map(async (name) => ((await has(name, key)) ? [name] : [])));
    return found.flat();
  };

  /** Whether what was promised of the partition's records is so. */
  async function checkKept(topicId: string, partition: number, promised: readonly Kept[]): Promise<void> {
    if (promised.length === 0) return;
    const slices = await livingSlices(storage, topicId, partition, marksStay);
    const holders = new Map<string, readonly string[]>();
    for (const { from, to, least } of promised) {
      for (let offset = from; offset < to; offset++) {
        const covering = slices.filter(
          ({ baseOffset, recordCount }) => baseOffset <= offset && offset < baseOffset + recordCount,
        );
        // It was deleted, or compacted away; or is in an item.
        if (covering.length === 0 || covering.some(({ bytes, blob }) => bytes === 0 || blob.inline)) continue;
        const of = await Promise.all(
          covering.map(async (slice) => {
            const key = objectKey(topicId, slice);
            const found = holders.get(key) ?? (await holdersOf(key));
            holders.set(key, found);
            return found;
          }),
        );
        const most = Math.max(...of.map(({ length }) => length));
        const record = `offset ${offset} of ${topicId}/${partition}`;
        check('survives', most >= least, () => `${record} is in ${most} regions, and not in ${least}`);
        for (const region of inSyncNow(topicId)) {
          const isThere = of.some((found) => found.includes(region));
          check('complete', isThere, () => `${record} is not in ${region}, which is in sync (${tell(now)})`);
        }
      }
    }
  }

  async function checkAll(): Promise<void> {
    for (const [id, promised] of kept) {
      const [topicId, partition] = id.split('/') as [string, string];
      await checkKept(topicId, Number(partition), promised);
    }
  }

  /** Of one that is being deleted nothing is promised any more. */
  function noteTopic({ id, lastId, deletingAtMs, replicas: own }: Item): void {
    const topicId = (id ?? lastId) as string;
    if (lastId === undefined && deletingAtMs === undefined) {
      replicas.set(topicId, (own as readonly string[] | undefined) ?? names);
      return;
    }
    gone.add(topicId);
    for (const partition of kept.keys()) if (partition.startsWith(`${topicId}/`)) kept.delete(partition);
  }

  async function noteInSync(coverage: Coverage, item: Item, nowMs: number): Promise<void> {
    const next = parseInSync(item);
    const before = now;
    check(
      'inSync',
      before === undefined || next.epoch > before.epoch,
      () => `${tell(before)}, then ${tell(next)}`,
    );
    check('inSync', inSyncOf(next, names).length > 0, () => `${tell(next)}: nobody is in sync`);
    if (before !== undefined) past.push({ inSync: before, untilMs: nowMs });
    now = next;
    byEpoch.set(next.epoch, next);
    for (const [name, { state }] of next.regions) {
      const was = before?.regions.get(name)?.state ?? 'in-sync';
      if (state === was) continue;
      if (state === 'out') count(coverage, 'regionLeft');
      if (state === 'joining') count(coverage, 'regionJoins');
      if (state === 'in-sync') count(coverage, 'regionInSync');
    }
    await checkAll();
  }

  /** As of its epoch, all that were in sync have the blob. */
  async function noteAppend(
    topicId: string,
    actions: readonly Action[],
    condition: Condition,
  ): Promise<void> {
    const epoch = epochIn(condition);
    const inSync = epoch === undefined ? undefined : byEpoch.get(epoch);
    const stored = actions.flatMap((action) => ('append' in action ? action.values : []));
    if (inSync === undefined || stored.length === 0) return;
    const { blob, slices } = decodeEntry(stored[0] as Uint8Array, 0);
    if (blob.inline || slices.every(({ bytes }) => bytes === 0)) return;
    const key = objectKey(topicId, { blob, partition: 0 });
    for (const region of inSyncOf(inSync, replicasOf(topicId))) {
      const isThere = await has(region, key);
      check('complete', isThere, () => `${key} is ordered as of ${tell(inSync)}, and is not in ${region}`);
    }
  }

  return {
    names,

    async note(coverage, { store, operation, args }, result, nowMs) {
      if (operation !== 'put' && operation !== 'update') return;
      if (store !== 'log' && store !== 'metadata') return;
      const { applied, item } = result as WriteOutcome;
      const { pk } = args[0] as Key;
      const [kind, topicId, partition] = pk.split('/');
      if (pk === IN_SYNC_KEY.pk && !applied) count(coverage, 'inSyncCrossed');
      if (!applied) return;
      if (pk === TOPIC_PK) noteTopic(item);
      if (pk === IN_SYNC_KEY.pk) await noteInSync(coverage, item, nowMs);
      if (kind === 'index') {
        const id = `${topicId}/${partition}`;
        indexAtMs.set(id, nowMs);
        await checkKept(topicId!, Number(partition), kept.get(id) ?? []);
      }
      if (kind === 'head' && operation === 'update') {
        const [, actions, condition] = args as [Key, readonly Action[], Condition];
        if (actions.some((action) => 'set' in action && action.set[0] === 'inSync'))
          count(coverage, 'headRaised');
        await noteAppend(topicId!, actions, condition);
      }
    },

    async acknowledged({ id, configs }, partition, offset, records) {
      // It is being deleted.
      if (gone.has(id)) return;
      const least = Math.min(configs.minInsyncReplicas, replicasOf(id).length);
      const promise = { from: offset, to: offset + records, least };
      const all = kept.get(`${id}/${partition}`) ?? [];
      all.push(promise);
      kept.set(`${id}/${partition}`, all);
      await checkKept(id, partition, [promise]);
    },

    refused({ id, configs }, invokedAtMs) {
      const { minInsyncReplicas: least } = configs;
      const meanwhile = past.filter(({ untilMs }) => untilMs >= invokedAtMs).map(({ inSync }) => inSync);
      if (now !== undefined) meanwhile.push(now);
      const tooFew = meanwhile.some((inSync) => inSyncOf(inSync, replicasOf(id)).length < least);
      check('refusals', tooFew, () => `${id} was refused, though ${least} were in sync all the time`);
    },

    async toldGone({ id }, partition, offset, invokedAtMs) {
      // Whoever reads while rows are changed may find neither the old bytes nor the new.
      if ((indexAtMs.get(`${id}/${partition}`) ?? 0) >= invokedAtMs) return;
      const slices = await livingSlices(storage, id, partition, marksStay);
      const covering = slices.filter(
        ({ baseOffset, recordCount }) => baseOffset <= offset && offset < baseOffset + recordCount,
      );
      const keys = covering.filter(({ blob }) => !blob.inline).map((slice) => objectKey(id, slice));
      const holders = await Promise.all(keys.map(holdersOf));
      const isThere = holders.length > 0 && holders.every(({ length }) => length > 0);
      check('notGone', !isThere, () => `offset ${offset} of ${id}/${partition}, which is in ${holders[0]}`);
    },

    sends(process, bucket, key) {
      const sent = `${process} ${bucket} ${key}`;
      if (key.includes(blobsPrefix(''))) check('once', !taken.has(sent), () => `${sent} again`);
      return () => taken.add(sent);
    },

    async atRest() {
      for (const name of names) {
        const state = now?.regions.get(name)?.state ?? 'in-sync';
        check('together', state === 'in-sync', () => `${name} is ${state} (${tell(now)})`);
      }
      await checkAll();
      for (const topicId of [...replicas.keys()].filter((id) => !gone.has(id))) {
        const keys = new Set<string>();
        for await (const slice of slicesInUse(storage, topicId, marksStay)) {
          if (!slice.blob.inline && slice.bytes > 0) keys.add(objectKey(topicId, slice));
        }
        for (const key of keys) {
          const holders = await holdersOf(key);
          const lacking = replicasOf(topicId).filter((name) => !holders.includes(name));
          // Rows may lie about whose records are elsewhere, and bytes gone.
          const isEven = holders.length === 0 || lacking.length === 0;
          check('together', isEven, () => `${key} is in ${holders}, and not in ${lacking}`);
        }
      }
    },

    reports: () => [...reports.values()],
  };
}

function epochIn(condition: Condition): number | undefined {
  if ('all' in condition) return condition.all.map(epochIn).find((epoch) => epoch !== undefined);
  if ('any' in condition) return condition.any.map(epochIn).find((epoch) => epoch !== undefined);
  if (!('path' in condition) || !('is' in condition) || condition.path[0] !== 'inSync') return undefined;
  return condition.value as number;
}

function tell(inSync: InSync | undefined): string {
  if (inSync === undefined) return 'all are in sync';
  const regions = [...inSync.regions].map(([name, { state }]) => `${name} ${state}`);
  return `epoch ${inSync.epoch}: ${regions.join(', ')}`;
}
