import type { BlobName } from '../../lib/log/blob.ts';
import { headKey, isDeleted } from '../../lib/log/head.ts';
import type { Queue } from '../../lib/queue/queue.ts';
import type { Region } from '../../lib/replication/region.ts';
import { holds } from '../../lib/storage/expression.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import {
  type Condition,
  type Item,
  type Key,
  type PutOptions,
  type Storage,
  StorageError,
  type WriteOutcome,
} from '../../lib/storage/ports.ts';
import { type Call, intercepted } from '../support/faults.ts';
import { type Bucket, createBuckets, everywhere } from './buckets.ts';
import { type Coverage, count, type Fault, type Situation, type Weather } from './faults.ts';
import { blobsInUse } from './invariants.ts';
import type { Process } from './process.ts';
import { type GroupsWatch, watchGroups } from './watchGroups.ts';
import { type RegionsWatch, watchRegions } from './watchRegions.ts';
import type { UpkeepWatch } from './watchUpkeep.ts';
import type { World } from './world.ts';

/** How late a request may land, and an object be seen. */
const LATE_MS = [20, 300, 2_000, 15_000, 60_000];
/** A bucket that hangs is given up after so long, if not before. */
const HANGS_MS = [1_000, 20_000];
/** An upload that took no longer has not been given up. */
const IN_TIME_MS = 200;
/** Of what a bucket copies to another region: when it comes if it is not late, and how long it waits for a region that is lost. */
const COPY_MS = 500;
const COPY_AGAIN_MS = 1_000;
/** An SDK waits so long before it takes a request for lost. */
const TIMEOUTS_MS = [100, 1_000, 5_000];
const SLOW_MS = [200, 1_000, 6_000];

/** The stores that all processes share, and what happens in them. */
export interface Cloud {
  /** Of several regions: its objects are those of all buckets. */
  readonly storage: Storage;
  /** Of several regions: one in each. */
  readonly buckets: readonly Bucket[];
  /** If there are several. */
  readonly regions: RegionsWatch | undefined;
  /** How often fences, floors and rolls have moved, over all heads. */
  readonly moves: Record<'wokenAfterFence' | 'wokenAfterFloor' | 'wokenAfterRoll', number>;
  /** Until when an object is not seen from another region. */
  readonly visibleAtMs: Map<string, number>;
  /** Whether marks of absorbed rows stay for longer than anything can be late. */
  readonly marksStay: boolean;
  /** Objects and inline items that were deleted. */
  readonly collected: Set<string>;
  /** Those of them that a reader could still be led to. */
  readonly wronglyCollected: string[];
  readonly groups: GroupsWatch;
  /** For workers, that can be received. */
  readonly messages: string[];
  /** If there are any. */
  readonly upkeep: UpkeepWatch | undefined;
}

export function createCloud(
  marksStay: boolean,
  upkeep?: UpkeepWatch,
  regions: readonly string[] = [],
): Cloud {
  const buckets = createBuckets(regions);
  const isOne = buckets.length === 0;
  const storage = { ...memoryStorage(), ...(!isOne && { objects: everywhere(buckets) }) };
  return {
    storage,
    buckets,
    regions: isOne ? undefined : watchRegions(storage, buckets, marksStay),
    moves: { wokenAfterFence: 0, wokenAfterFloor: 0, wokenAfterRoll: 0 },
    visibleAtMs: new Map(),
    marksStay,
    collected: new Set(),
    wronglyCollected: [],
    groups: watchGroups(),
    messages: [],
    upkeep,
  };
}

export interface Connection {
  readonly process: Process;
  readonly world: World;
  readonly weather: Weather;
  readonly remote: boolean;
  /** Of a region: its objects are those of the store. */
  readonly bucket?: Bucket;
}

const never = new Promise<never>(() => undefined);

/** A process may come to its end, or its sleep, before each of its calls; one that is dead makes none. */
async function beforeCall(
  { process, weather }: Omit<Connection, 'remote'>,
  where: () => string,
): Promise<void> {
  if (!process.alive) return never;
  if (weather.strikes('killed', where)) process.kill();
  if (weather.strikes('frozen', where)) process.freeze();
  return process.awake();
}

/** The queue of workers, as one process sees it. */
export function connectQueue({ messages }: Cloud, connection: Omit<Connection, 'remote'>): Queue {
  const { process, world, weather } = connection;
  return {
    async send(sent) {
      const where = () => `${process.name} sends ${sent.length} messages`;
      await beforeCall(connection, where);
      if (weather.strikes('serverError', where)) throw new StorageError('queue error', 'no');
      for (const message of sent) {
        const comes = (lateMs: number) => world.after(lateMs, () => messages.push(message));
        if (!weather.strikes('messageLost', where))
          comes(weather.strikes('messageLate', where) ? weather.random.pick(LATE_MS) : 0);
        if (weather.strikes('messageTwice', where)) comes(weather.random.pick(LATE_MS));
      }
    },
    waiting: async () => messages.length,
  };
}

/** The regions as one process sees them. */
export function connectRegions(cloud: Cloud, connection: Connection): Region[] {
  return cloud.buckets.map((bucket, i) => {
    const { objects } = connect(cloud, { ...connection, bucket });
    return { id: i + 1, name: bucket.name, objects };
  });
}

/** The stores as one process sees them: behind a network, where each call may meet with any fault. */
export function connect(cloud: Cloud, connection: Connection): Storage {
  const { process, world, weather, remote, bucket } = connection;
  const { random } = weather;
  const { objects } = bucket ?? cloud.storage;

  return intercepted({ ...cloud.storage, objects }, async (call, proceed) => {
    const { store, operation, args } = call;
    const isWrite = operation === 'put' || operation === 'update' || operation === 'delete';
    const place = bucket === undefined ? store : `${store} of ${bucket.name}`;
    const where = () => `${process.name} ${place} ${operation} ${keyOf(args)}`;
    const strikes = (fault: Fault) => weather.strikes(fault, where);
    const sentAtMs = world.nowMs;
    await beforeCall(connection, where);
    const isThere =
      bucket === undefined || operation !== 'put' || process.isWorker
        ? undefined
        : cloud.regions?.sends(process.name, bucket.name, args[0] as string);

    const lands = async (): Promise<unknown> => {
      if (operation === 'delete') await checkDeletion(cloud, call);
      const result = await (partial(call) ?? proceed());
      observe(cloud, weather.coverage, call, result);
      cloud.upkeep?.note(call, result, process.clock, world.nowMs);
      if (store === 'groups') cloud.groups.note(weather.coverage, call, result, world.nowMs, process.name);
      await cloud.regions?.note(weather.coverage, call, result, world.nowMs);
      if (bucket !== undefined) noteBucket(bucket, call, result);
      else if (store === 'objects' && operation === 'put' && strikes('visibleLate')) {
        cloud.visibleAtMs.set(args[0] as string, world.nowMs + random.pick(LATE_MS));
      }
      world.trace(process.name, place, operation, keyOf(args), outcomeOf(result));
      return remote ? hideWhatIsYoung(call, result) : result;
    };

    function noteBucket(here: Bucket, { operation, args }: Call, result: unknown): void {
      if (operation === 'get' && result !== undefined && here.name !== process.region)
        count(weather.coverage, 'readElsewhere');
      const [key, chunks, options] = args as [string, readonly Uint8Array[], PutOptions | undefined];
      if (operation !== 'put' || !options?.replicate) return;
      for (const other of cloud.buckets) {
        if (other === here || strikes('copyLost')) continue;
        const arrives = (afterMs: number): void =>
          world.after(afterMs, () => {
            if (other.outage !== undefined) return arrives(COPY_AGAIN_MS);
            world.trace(here.name, 'copies', key, 'to', other.name);
            void other.objects.put(key, chunks);
          });
        arrives(strikes('copyLate') ? random.pick(LATE_MS) : random.between(1, COPY_MS));
      }
    }

    /** S3 deletes many objects one by one. */
    function partial({ args, store, operation }: Call): Promise<unknown> | undefined {
      const keys = args[0] as readonly string[];
      if (store !== 'objects' || operation !== 'delete' || keys.length < 2 || !strikes('partialBatch'))
        return undefined;
      const some = keys.slice(0, random.between(1, keys.length - 1));
      return objects.delete(some).then(() => {
        for (const key of some) cloud.collected.add(key);
        throw new StorageError('some were not deleted', 'unknown');
      });
    }

    function hideWhatIsYoung({ store, operation, args }: Call, result: unknown): unknown {
      if (store !== 'objects' || operation !== 'get' || result === undefined) return result;
      if (world.nowMs >= (cloud.visibleAtMs.get(args[0] as string) ?? 0)) return result;
      count(weather.coverage, 'bytesNotYet');
      return undefined;
    }

    return new Promise((resolve, reject) => {
      const latency = () => (random.chance(0.1) ? random.between(5, 40) : random.between(0, 4));
      const answers = (delay: number, code: () => void) => world.after(delay, () => process.enter(code));
      const fails = (delay: number, message: string, applied: 'no' | 'unknown') => {
        cloud.upkeep?.failed(call);
        answers(delay, () => reject(new StorageError(message, applied)));
      };
      const timesOut = (message: string) => fails(random.pick(TIMEOUTS_MS), message, 'unknown');
      const goesThrough = (backMs = latency()) =>
        void lands().then(
          (result) => {
            if (strikes('killed')) process.kill();
            answers(backMs, () => {
              // By then it may have been given up.
              if (world.nowMs - sentAtMs < IN_TIME_MS) isThere?.();
              resolve(result);
            });
          },
          (error) => answers(backMs, () => reject(error)),
        );
      const landsUnseen = () => void lands().catch(() => undefined);

      const { bucket: outage } = bucket?.outage ?? {};
      if (outage === 'fails' || outage === 'hangs') {
        if (isWrite && random.chance(0.2)) world.after(latency(), landsUnseen);
        const afterMs = outage === 'fails' ? latency() : random.pick(HANGS_MS);
        return fails(afterMs, `region ${bucket!.name} is lost`, 'unknown');
      }
      if (strikes('throttled')) return fails(latency(), 'throttled', 'no');
      if (strikes('requestLost')) return timesOut('request lost');
      if (strikes('serverError')) {
        if (isWrite && random.chance(0.5)) world.after(latency(), landsUnseen);
        return fails(latency() + 5, 'server error', 'unknown');
      }
      if (isWrite && strikes('responseLost')) {
        world.after(latency(), landsUnseen);
        return timesOut('response lost');
      }
      if (isWrite && strikes('landsLate')) {
        const timeoutMs = random.pick(TIMEOUTS_MS);
        world.after(timeoutMs + random.pick(LATE_MS), landsUnseen);
        return fails(timeoutMs, 'too slow', 'unknown');
      }
      if (isWrite && strikes('sentTwice')) {
        world.after(latency(), landsUnseen);
        world.after(latency() + random.pick(TIMEOUTS_MS), () => goesThrough());
        return undefined;
      }
      if (isWrite && strikes('twinLate')) {
        world.after(random.pick(LATE_MS), landsUnseen);
      }
      // On its way there or, telling what was true long ago, on its way back.
      const slow = strikes('slow') || outage === 'is slow' ? random.pick(SLOW_MS) : 0;
      const there = random.chance(0.5) ? slow : 0;
      world.after(latency() + there, () => goesThrough(latency() + slow - there));
      return undefined;
    });
  });
}

/** Nothing that is referenced is deleted. In between, nothing else happens. */
async function checkDeletion(
  { storage, wronglyCollected, marksStay }: Cloud,
  { store, args }: Call,
): Promise<void> {
  const blobs: (readonly [topicId: string, name: BlobName])[] = [];
  if (store === 'objects') {
    for (const key of args[0] as readonly string[]) blobs.push([key.split('/')[0]!, key.slice(-28)]);
  } else if (store === 'log') {
    const { pk, sk } = args[0] as Key;
    const [kind, topicId] = pk.split('/');
    if (kind === 'inline') blobs.push([topicId!, sk]);
  }
  for (const [topicId, name] of blobs) {
    if ((await blobsInUse(storage, topicId, marksStay)).has(name))
      wronglyCollected.push(`${topicId} ${name}`);
  }
}

/** Counts the situations that a call has led into. */
function observe(cloud: Cloud, coverage: Coverage, call: Call, result: unknown): void {
  const { store, operation, args } = call;
  if (store === 'objects') {
    const [key] = args as [string];
    if (operation === 'delete') for (const deleted of args[0] as string[]) collect(cloud, coverage, deleted);
    if (operation === 'get' && result === undefined && cloud.collected.has(key)) count(coverage, 'bytesGone');
  }
  if (store !== 'log') return;
  const key = args[0] as Key;
  if (operation === 'delete' && key.pk.startsWith('inline/')) collect(cloud, coverage, key.pk + key.sk);
  if (operation === 'getMany') {
    for (const [i, { pk, sk }] of (args[0] as Key[]).entries()) {
      if ((result as unknown[])[i] === undefined && cloud.collected.has(pk + sk))
        count(coverage, 'bytesGone');
    }
  }
  if (key.pk?.startsWith('index/') && operation !== 'get')
    observeIndex(coverage, call, result as WriteOutcome);
  if (operation === 'update' && key.sk === headKey('', 0).sk) observeHead(cloud, coverage, call, result);
}

function observeIndex(
  coverage: Coverage,
  { operation, args }: Call,
  { applied, item: stored }: WriteOutcome,
): void {
  const { sk, version, absorbed, cleanedTo = Number(sk) } = args[0] as Item;
  // A merger knows of nothing cleaner than what was there.
  const isCleaner = (cleanedTo as number) > ((stored?.cleanedTo ?? Number(sk)) as number);
  if (operation === 'put' && absorbed === undefined && !applied && isCleaner) count(coverage, 'cleaningLost');
  if (operation === 'put' && absorbed !== undefined) count(coverage, applied ? 'absorbed' : 'absorptionLost');
  else if (operation === 'put' && version !== 0) count(coverage, applied ? 'merged' : 'mergeLost');
  else if (operation === 'put' && !applied) count(coverage, 'rowThere');
  if (operation === 'update' && applied) count(coverage, 'segmentFenced');
  if (operation === 'delete' && applied && JSON.stringify(args[1] ?? '').includes('absorbedAtMs')) {
    count(coverage, 'markCollected');
  }
}

function collect(cloud: Cloud, coverage: Coverage, key: string): void {
  cloud.collected.add(key);
  count(coverage, key.includes('/segments/') ? 'segmentCollected' : 'orphanCollected');
}

function observeHead(cloud: Cloud, coverage: Coverage, { args }: Call, result: unknown): void {
  const [, actions, condition] = args as [Key, { set?: string[]; remove?: string[] }[], Condition];
  const { applied, item } = result as WriteOutcome;
  const sets = (name: string) => actions.some(({ set }) => set?.[0] === name);
  if (applied) {
    if (sets('fence')) cloud.moves.wokenAfterFence++;
    if (sets('floor')) cloud.moves.wokenAfterFloor++;
    if (sets('roll')) cloud.moves.wokenAfterRoll++;
    return;
  }
  count(coverage, refusalOf(actions, condition, item));
}

/** Which part of a head's condition refused an update. */
function refusalOf(actions: readonly object[], condition: Condition, item: Item | undefined): Situation {
  if (item === undefined || isDeleted(item)) return 'headGone';
  const isAppend = actions.some((action) => 'append' in action);
  if (!isAppend) return actions.some((action) => 'add' in action) ? 'evictionLost' : 'rollLost';
  const parts = 'all' in condition ? condition.all : [condition];
  const refusing = parts.find((part) => !holds(part, item));
  if (refusing === undefined || 'not' in refusing) return 'contains';
  // Of several alternatives the last, which is not that something is missing, names it.
  const last = 'any' in refusing ? refusing.any.at(-1)! : refusing;
  const path = 'path' in last ? last.path : 'missing' in last ? last.missing : [];
  if (path[0] === 'inSync') return 'inSync';
  if (path[0] === 'fence' || path[0] === 'floor' || path[0] === 'evictions') return path[0];
  return 'producer';
}

function keyOf([first]: readonly unknown[]): string {
  if (typeof first === 'string') return first;
  if (Array.isArray(first)) return `${first.length} of ${keyOf(first)}`;
  const { pk, sk, from, to } = (first ?? {}) as Partial<Key> & { from?: string; to?: string };
  return [pk, sk, from, to].filter((part) => part !== undefined).join(' ');
}

function outcomeOf(result: unknown): string {
  if (result === undefined) return '-';
  if (result instanceof Uint8Array) return `${result.length} bytes`;
  if (typeof result !== 'object' || result === null) return String(result);
  if ('applied' in result) return result.applied ? 'applied' : 'refused';
  if (Array.isArray(result)) return `${result.filter((one) => one !== undefined).length} found`;
  return 'items' in result ? `${(result.items as unknown[]).length} items` : 'found';
}
