import type { Clock } from '../clock.ts';
import { withRetries } from '../log/retry.ts';
import { LruCache } from '../lruCache.ts';
import { type ItemStore, StorageError } from '../storage/ports.ts';
import { firstInSync, IN_SYNC_KEY, type InSync, inSyncItem, parseInSync } from './inSync.ts';
import type { ReplicationLimits } from './limits.ts';
import type { ForHead } from './placement.ts';

/** Who is in sync, as this process knows it. What it knows may be old: heads refuse what is too old for them. */
export interface Membership {
  /** As it was `viewMs` ago at most. */
  view(): Promise<InSync>;
  /**
   * As it was `viewMs` ago at most, but after this process met the head first, and no older than the head asks for. A head that was
   * made while a region began to join may have been missed when heads were told of it: whoever appends to it knows by this.
   */
  viewFor(head: ForHead): Promise<InSync>;
  /** As it stands now. */
  refresh(): Promise<InSync>;
  /** Writes what `change` makes of it, on the condition that it is still so; as often as it takes. Nothing if that is `undefined`. */
  change(change: (inSync: InSync, now: number) => InSync | undefined): Promise<InSync>;
}

/** What is so much of `viewMs` old is read again before it is too old. */
const READ_AHEAD = 0.75;

/** Heads that a process remembers to have met. */
const MAX_MET = 10_000;

export interface MembershipOptions {
  /** Heads and index; the item is among them. */
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly limits: ReplicationLimits;
  /** Of all regions, in the order of the configuration. */
  readonly names: readonly string[];
  /** Whether nothing was ever written to the cluster. Asked once, by the first to come. */
  readonly isNew: () => Promise<boolean>;
}

export function createMembership({ items, clock, limits, names, isNew }: MembershipOptions): Membership {
  let known: { inSync: InSync; atMs: number } | undefined;
  let reading: Promise<InSync> | undefined;
  const met = new LruCache<string, true>(MAX_MET);

  /** `askedAtMs`: it may be as old as the question, however late the answer comes. Throws an Error if the configuration lacks a region. */
  function learn(inSync: InSync, askedAtMs: number): InSync {
    const unknown = [...inSync.regions.keys()].filter((name) => !names.includes(name));
    // It would be given nothing, and count as in sync.
    if (unknown.length > 0)
      throw new Error(
        `the cluster has regions that this process's configuration does not name: ${unknown.join(', ')}`,
      );
    if (known === undefined || inSync.epoch >= known.inSync.epoch) known = { inSync, atMs: askedAtMs };
    return known.inSync;
  }

  async function read(): Promise<InSync> {
    const askedAtMs = clock.now();
    const item = await withRetries(clock, () => items.get(IN_SYNC_KEY));
    if (item !== undefined) return learn(parseInSync(item), askedAtMs);
    const first = inSyncItem(firstInSync(names, await isNew(), clock.now()));
    const put = await withRetries(clock, () => items.put(first, { missing: ['pk'] }));
    return learn(parseInSync(put.item ?? first), askedAtMs);
  }

  /** Those who ask while it is read share the answer: it is as young as any of them needs. */
  function readOnce(): Promise<InSync> {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  const membership: Membership = {
    async view() {
      const age = known === undefined ? -1 : clock.now() - known.atMs;
      if (known === undefined || age < 0 || age >= limits.viewMs) return readOnce();
      // Nobody is to wait for it, in a cluster that is in use. Who needs it hears of a failure.
      if (age >= limits.viewMs * READ_AHEAD) readOnce().catch(() => undefined);
      return known.inSync;
    },

    async viewFor({ pk, inSync }) {
      if (met.get(pk) !== undefined) {
        const seen = await membership.view();
        if (seen.epoch >= inSync) return seen;
      }
      const now = await read();
      met.set(pk, true);
      return now;
    },

    refresh: read,

    async change(change) {
      for (let attempt = 0; attempt < limits.changeAttempts; attempt++) {
        const askedAtMs = clock.now();
        const seen = await read();
        const wanted = change(seen, clock.now());
        if (wanted === undefined) return seen;
        const outcome = await withRetries(clock, () =>
          items.put(inSyncItem(wanted), { path: ['epoch'], is: '=', value: seen.epoch }),
        );
        if (outcome.item !== undefined) learn(parseInSync(outcome.item), askedAtMs);
        if (outcome.applied) return wanted;
      }
      throw new StorageError('others keep changing which regions are in sync', 'unknown');
    },
  };
  return membership;
}
