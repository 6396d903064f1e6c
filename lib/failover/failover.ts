import { atOnce } from '../atOnce.ts';
import type { Clock } from '../clock.ts';
import { withRetries } from '../log/retry.ts';
import { union } from '../replication/objects.ts';
import {
  type Condition,
  type ItemTables,
  type ObjectPage,
  type ObjectStore,
  StorageError,
  TABLES,
} from '../storage/ports.ts';
import { listTopics } from '../topic/listTopics.ts';
import { copyEpoch } from './adopt.ts';
import { ask } from './authority.ts';
import { epochItems, epochOf } from './epochItems.ts';
import { freshest } from './freshest.ts';
import { agreed, type Home, homeItem, homeKey, lastReady, majorityOf } from './home.ts';
import type { FailoverLimits } from './limits.ts';
import { type Lost, repairTopic } from './repairTopic.ts';
import { spread } from './spread.ts';

/** A region as a failover sees it: its own copy of the tables, and its bucket. A witness has no bucket, and can never be home. */
export interface FailoverRegion {
  readonly name: string;
  readonly tables: ItemTables;
  readonly objects?: ObjectStore;
}

export interface FailoverContext {
  /** In the order of the configuration. */
  readonly regions: readonly FailoverRegion[];
  readonly clock: Clock;
  readonly limits: FailoverLimits;
  /** In words, for whoever waits. The last has what the report will say, should that not be heard of any more. */
  readonly told?: (progress: string, begins?: Begins) => void;
  /** Breaks it off while it waits for those who rely on the old home. */
  readonly signal?: AbortSignal;
}

/** Of a home that begins. */
export interface Begins {
  readonly epoch: number;
  readonly from: string;
  readonly to: string;
  /** The region of whose tables the copy was made: that which was home, or, if it did not answer, the one that had most of it. */
  readonly source: string;
  readonly items: number;
  /** Offsets that were left out since their records had not arrived. Those that the old home gave beyond are not known. */
  readonly lost: readonly (Lost & { readonly topic: string })[];
}

export interface FailoverReport extends Begins {
  readonly tookMs: number;
}

/**
 * Makes another region home:
 *
 * 1. Most regions are told of a new epoch. From then on nobody begins to rely on the old one.
 * 2. It waits until nobody relies on it any more.
 * 3. What the old epoch has is copied into the new one: from the old home, if its tables answer; then nothing is missing. Else from the
 *    copy to which most was replicated.
 * 4. What does not fit together there, since items are replicated each in its own time, is mended, and the offsets that the old home may have
 *    given beyond are left out.
 * 5. It waits until most regions have what it begins with.
 * 6. Most regions are told that the new home begins.
 *
 * It may die at any time: then nobody is home until it is done again, which begins from the start, with a later epoch: so nobody
 * writes in an epoch but who made it. Of two at the same time the later epoch wins, or, of the same epoch, who told most regions. A region
 * takes an epoch only if it knows of none that has begun since who made it asked: so no home is passed over. Throws StorageError when
 * fewer than most regions answer, or another was faster.
 */
export async function failover(context: FailoverContext, to: string): Promise<FailoverReport | undefined> {
  const { regions, clock, limits, told = () => undefined } = context;
  const startedAtMs = clock.now();
  const target = regions.find(({ name }) => name === to);
  if (target?.objects === undefined) throw new RangeError(`there is no region ${to} that can be home`);
  const said = [...(await withRetries(clock, () => ask(homeRegions(regions), regions[0]!.name))).values()];
  const now = agreed(said, regions.length);
  if (now?.ready && now.home === to) return undefined;

  const before = said.map(lastReady).reduce((a, b) => (b.epoch > a.epoch ? b : a));
  const epoch = Math.max(...said.map((each) => each.epoch)) + 1;
  const by = Buffer.from(clock.random(8)).toString('hex');
  const next: Home = { epoch, home: to, ready: false, by, before };
  told(`telling the regions that ${to} takes over from ${before.home}, in epoch ${epoch}`);
  await tellMost(context, next, isEarlier(epoch, before.epoch));
  told(`waiting ${limits.fenceMs / 1_000} s until nobody relies on ${before.home} any more`);
  await clock.sleep(limits.fenceMs, context.signal);
  context.signal?.throwIfAborted();

  const home = await answering(regions, before.home, clock);
  // Of two that have as much, the one that is nearer.
  const others = [target, ...regions.filter((region) => region !== target)].filter(
    (region) => region.name !== before.home,
  );
  const source = home ?? (await freshest(others, before.epoch, clock, limits));
  told(`copying the items from ${source.name}`);
  const epochs = { from: before.epoch, to: epoch };
  const items = await copyEpoch(clock, source.tables, target.tables, epochs, limits, (count) =>
    told(`copying the items from ${source.name}: ${count}`),
  );
  const isWhole = source.name === before.home;
  const lost = await repairAll(context, target, epoch, isWhole ? 0 : limits.offsetGap);

  told('waiting until another region has it, too');
  const rest = regions.filter((region) => region !== target).map(({ tables }) => tables);
  await spread(clock, target.tables, rest, majorityOf(regions.length) - 1, epoch, limits);
  const begins: Begins = { epoch, from: before.home, to, source: source.name, items, lost };
  told(`telling the regions that ${to} begins`, begins);
  await tellMost(context, { epoch, home: to, ready: true, by }, { path: ['by'], is: '=', value: by });
  await forgetEpochs(context, target, before.epoch);
  const tookMs = clock.now() - startedAtMs;
  return { ...begins, tookMs };
}

/** Of no later epoch, and of none that has begun since we asked: what was written in it would be left out. */
function isEarlier(epoch: number, before: number): Condition {
  const hasBegun: Condition = { missing: ['before'] };
  return {
    any: [
      { missing: ['pk'] },
      { all: [hasBegun, { path: ['epoch'], is: '<=', value: before }] },
      {
        all: [
          { path: ['epoch'], is: '<', value: epoch },
          { path: ['before', 'epoch'], is: '<=', value: before },
        ],
      },
    ],
  };
}

const homeRegions = (regions: readonly FailoverRegion[]) =>
  regions.map(({ name, tables }) => ({ name, metadata: tables.metadata }));

async function tellMost(
  { regions, clock }: FailoverContext,
  home: Home,
  condition: Condition,
): Promise<void> {
  const answers = await Promise.allSettled(
    regions.map(({ name, tables }) =>
      withRetries(clock, async () => {
        const { applied, item } = await tables.metadata.put(homeItem(name, home), condition);
        // Refused, but by our own words, of which the answer was lost.
        return applied || (item?.by === home.by && item?.ready === home.ready);
      }),
    ),
  );
  const told = answers.filter((answer) => answer.status === 'fulfilled' && answer.value).length;
  if (told >= majorityOf(regions.length)) return;
  const message = `${told} of ${regions.length} regions took epoch ${home.epoch}: others do not answer, or have a later one`;
  throw new StorageError(message, 'unknown');
}

/** The region, if all its tables answer. */
async function answering(
  regions: readonly FailoverRegion[],
  name: string,
  clock: Clock,
): Promise<FailoverRegion | undefined> {
  const region = regions.find((each) => each.name === name);
  try {
    for (const table of TABLES)
      await withRetries(clock, async () => region?.tables[table].get(homeKey(name)));
    return region;
  } catch (error) {
    if (error instanceof StorageError) return undefined;
    throw error;
  }
}

async function repairAll(
  { regions, clock, limits, told = () => undefined }: FailoverContext,
  target: FailoverRegion,
  epoch: number,
  offsetGap: number,
): Promise<(Lost & { topic: string })[]> {
  const lost: (Lost & { topic: string })[] = [];
  const items = epochItems(target.tables.log, epoch);
  const buckets = await thatAnswer(
    regions.flatMap(({ objects = [] }) => objects),
    clock,
  );
  const objects = together(buckets, clock);
  const context = { items, epoch, objects, clock, limits: { ...limits, offsetGap } };
  for (const topic of await listTopics(epochItems(target.tables.metadata, epoch))) {
    told(`looking through topic ${topic.name}`);
    for (const each of await repairTopic(context, topic)) lost.push({ topic: topic.name, ...each });
  }
  return lost;
}

/** Those that answer now: what a region that is lost has alone is lost with it. */
async function thatAnswer(stores: readonly ObjectStore[], clock: Clock): Promise<ObjectStore[]> {
  const answers = await Promise.allSettled(
    stores.map((store) => withRetries(clock, () => store.list('', { limit: 1 }))),
  );
  const there = stores.filter((_, i) => answers[i]!.status === 'fulfilled');
  if (there.length > 0) return there;
  throw new StorageError('no bucket answers', 'no', (answers[0] as PromiseRejectedResult).reason);
}

/** What all of them have. None may be left out that was there a moment ago: what is not seen is taken for lost. */
function together(stores: readonly ObjectStore[], clock: Clock): Pick<ObjectStore, 'get' | 'list'> {
  const ask = <T>(call: (store: ObjectStore) => Promise<T>): Promise<T[]> =>
    Promise.all(stores.map((store) => withRetries(clock, () => call(store))));
  return {
    get: async (key) => (await ask((store) => store.get(key))).find((bytes) => bytes !== undefined),
    async list(prefix, options) {
      const pages: ObjectPage[] = await ask((store) => store.list(prefix, options));
      return union(pages, options.limit);
    },
  };
}

/** What is older than the last epoch is of no use to anybody; what that wrote is kept until the next failover. */
async function forgetEpochs(
  { clock, limits }: FailoverContext,
  { tables }: FailoverRegion,
  before: number,
): Promise<void> {
  for (const table of TABLES) {
    let page = await withRetries(clock, () => tables[table].scan({ limit: limits.itemsPerPage }));
    for (;;) {
      const over = page.items.filter(({ pk }) => pk !== 'home' && epochOf({ pk }) < before);
      await atOnce(over, limits.putsAtOnce, ({ pk, sk }) =>
        withRetries(clock, () => tables[table].delete({ pk, sk })),
      );
      const { next } = page;
      if (next === undefined) break;
      page = await withRetries(clock, () => tables[table].scan({ limit: limits.itemsPerPage, after: next }));
    }
  }
}
