import type { Clock } from '../clock.ts';
import { WadiError } from '../errors.ts';
import { pauseMs } from '../log/retry.ts';
import { type PutOptions, StorageError } from '../storage/ports.ts';
import { type InSync, inSyncOf, leave, required, stateOf } from './inSync.ts';
import type { ReplicationLimits } from './limits.ts';
import type { Membership } from './membership.ts';
import type { Region } from './region.ts';

export interface PlacementContext {
  readonly regions: readonly Region[];
  readonly local: Region;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly limits: ReplicationLimits;
  /** Makes sure that somebody looks at a region that is about to be put out. */
  readonly beforeLeave: () => Promise<void>;
}

export interface Upload {
  readonly key: string;
  readonly chunks: readonly Uint8Array[];
  readonly replicas: readonly string[];
  /** `min.insync.replicas` */
  readonly atLeast: number;
  /** It may be in some of them already: each is asked for it first, and not sent what it has. */
  readonly mayBeThere?: boolean;
}

/** An object on its way to every region that is to have it. */
export interface Placement {
  /**
   * Resolves when every replica that is in sync, or joins, has the object: with the epoch of which that is true, one that `head` takes.
   * A replica that does not take it in time is put out first. Throws NOT_ENOUGH_REPLICAS, or a StorageError.
   */
  cover(head?: ForHead): Promise<number>;
  /**
   * The same for what no head is to name, so that none refuses it: nobody joins who lacks it. For whoever joins after this has looked
   * compares what he has with the others, which have it by then.
   */
  coverForGood(): Promise<void>;
}

/** The head that is to name the object: its key, and the epoch that it asks for. */
export interface ForHead {
  readonly pk: string;
  readonly inSync: number;
}

/** `acks=all`: bytes cross to each region once, whatever becomes of the in-sync set meanwhile. */
export function place(context: PlacementContext, upload: Upload): Placement {
  const { membership, limits, regions } = context;
  const { replicas, atLeast } = upload;
  const has = new Set<string>();

  async function cover(look: () => Promise<InSync>): Promise<number> {
    for (let round = 0; round < limits.coverRounds; round++) {
      const inSync = await enough(membership, look, replicas, atLeast);
      const lacking = required(inSync, replicas).filter((name) => !has.has(name));
      if (lacking.length === 0) return inSync.epoch;
      const failed: string[] = [];
      await Promise.all(
        regions
          .filter(({ name }) => lacking.includes(name))
          .map(async (region) => {
            if (await putInTime(context, upload, region)) has.add(region.name);
            else failed.push(region.name);
          }),
      );
      if (failed.length > 0 && has.size > 0) await putOut(context, failed);
      else if (failed.length > 0) throw new StorageError(`no region takes ${upload.key}`, 'unknown');
    }
    throw new StorageError('the in-sync set keeps changing', 'unknown');
  }
  return {
    cover: (head) => cover(head === undefined ? membership.view : () => membership.viewFor(head)),
    async coverForGood() {
      await cover(membership.view);
      await cover(membership.refresh);
    },
  };
}

/** Who is in sync, as `look` tells. Nobody is refused for what is not so any more: throws NOT_ENOUGH_REPLICAS by what is. */
export async function enough(
  membership: Membership,
  look: () => Promise<InSync>,
  replicas: readonly string[],
  atLeast: number,
): Promise<InSync> {
  const isEnough = (inSync: InSync) => inSyncOf(inSync, replicas).length >= atLeast;
  const seen = await look();
  if (isEnough(seen)) return seen;
  const now = await membership.refresh();
  if (isEnough(now)) return now;
  const left = inSyncOf(now, replicas);
  throw new WadiError(
    'NOT_ENOUGH_REPLICAS',
    `${left.length} of the partition's replicas are in sync (${left.join(', ') || 'none'}); min.insync.replicas is ${atLeast}.`,
  );
}

async function putOut(
  { membership, regions, beforeLeave }: PlacementContext,
  names: readonly string[],
): Promise<void> {
  await beforeLeave();
  const after = await membership.change((inSync, now) => leave(inSync, names, now));
  if (names.every((name) => stateOf(after, name) === 'out')) return;
  throw new StorageError(`${names.join(', ')} of ${regions.length} regions must not be put out`, 'unknown');
}

/** Whether the region has the object. Others may have found out meanwhile that it is not there: then nobody waits. */
async function putInTime(context: PlacementContext, upload: Upload, region: Region): Promise<boolean> {
  const { clock, limits, membership } = context;
  const bytes = upload.chunks.reduce((sum, { length }) => sum + length, 0);
  const patienceMs = limits.lagMs + Math.ceil((bytes * 1_000) / limits.lagBytesPerSecond);
  const over = new AbortController();

  async function put(): Promise<boolean> {
    for (let attempt = 1; !over.signal.aborted; attempt++) {
      try {
        if (upload.mayBeThere && (await isThere(region, upload.key))) return true;
        await region.objects.put(upload.key, upload.chunks);
        return true;
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        if (stateOf(await membership.refresh(), region.name) === 'out') return false;
        await clock.sleep(Math.min(pauseMs(clock, attempt), patienceMs), over.signal);
      }
    }
    return false;
  }

  const inTime = await Promise.race([put(), clock.sleep(patienceMs, over.signal).then(() => false)]).finally(
    () => over.abort(),
  );
  return inTime;
}

/** Objects are there whole or not at all. */
async function isThere({ objects }: Region, key: string): Promise<boolean> {
  return (await objects.get(key, { position: 0, length: 1 })) !== undefined;
}

/**
 * `acks=1`: one region has it, the local one if it is a replica and takes it; the bucket's own replication brings it to the others.
 * Throws StorageError when none takes it.
 */
export async function placeOnce(
  { regions, local, membership, clock }: PlacementContext,
  { key, chunks, replicas }: Omit<Upload, 'atLeast'>,
): Promise<void> {
  const inSync = await membership.view();
  const order = nearestFirst(regions, local, replicas, inSync);
  const options: PutOptions = { replicate: true };
  let failure: unknown;
  for (const region of order) {
    for (let attempt = 1; attempt <= PUTS_PER_REGION; attempt++) {
      try {
        return await region.objects.put(key, chunks, options);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        failure = error;
        await clock.sleep(pauseMs(clock, attempt));
      }
    }
  }
  throw failure;
}

const PUTS_PER_REGION = 2;

/** The local region, then those that are in sync, then the rest. */
function nearestFirst(
  regions: readonly Region[],
  local: Region,
  replicas: readonly string[],
  inSync: InSync,
): Region[] {
  const rank = ({ name }: Region) =>
    (name === local.name ? -1 : 0) + (stateOf(inSync, name) === 'in-sync' ? 0 : 2);
  return regions.filter(({ name }) => replicas.includes(name)).toSorted((a, b) => rank(a) - rank(b));
}
