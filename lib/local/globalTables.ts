import type { Clock } from '../clock.ts';
import { type Item, type ItemTables, type Key, type ScannableItems, TABLES } from '../storage/ports.ts';

type TableName = (typeof TABLES)[number];

export interface GlobalTablesOptions {
  readonly clock: Clock;
  /** How long a write is on its way to another region: drawn anew for each, so that writes arrive in another order. */
  readonly lagMs: () => number;
  /** Whether writes travel from one region to the other; asked again after a while, if not. */
  readonly open: (from: string, to: string) => boolean;
}

export interface GlobalTables {
  readonly regions: Readonly<Record<string, ItemTables>>;
  /** Writes that have not arrived yet. */
  underWay(): number;
  /** Nothing travels any more. */
  close(): void;
}

/** How often it is asked whether writes that wait may travel. */
const HELD_MS = 100;

/**
 * DynamoDB global tables of eventual consistency, as far as Wadi relies on them: each region writes its own copy, on conditions that hold there, and
 * each item travels to the others by itself, in its own time. The last version of an item arrives last.
 */
export function globalTables(
  copies: Readonly<Record<string, ItemTables>>,
  { clock, lagMs, open }: GlobalTablesOptions,
): GlobalTables {
  /** The last write of an item that is under way to a region. */
  const pending = new Map<string, { item: Item | undefined }>();
  const waiting = new Map<string, Promise<void>>();
  let closed = false;

  function send(from: string, table: TableName, key: Key, item: Item | undefined): void {
    for (const to of Object.keys(copies)) if (to !== from) void travel(from, to, table, key, item);
  }

  /** Resolves when writes travel from one to the other: those that wait share the question. */
  function opens(from: string, to: string): Promise<void> {
    if (closed || open(from, to)) return Promise.resolve();
    const pair = `${from}/${to}`;
    const known = waiting.get(pair);
    if (known !== undefined) return known;
    const asked = (async () => {
      while (!closed && !open(from, to)) await clock.sleep(HELD_MS);
      waiting.delete(pair);
    })();
    waiting.set(pair, asked);
    return asked;
  }

  async function travel(
    from: string,
    to: string,
    table: TableName,
    { pk, sk }: Key,
    item: Item | undefined,
  ): Promise<void> {
    const name = JSON.stringify([from, to, table, pk, sk]);
    const known = pending.get(name);
    if (known !== undefined) {
      known.item = item;
      return;
    }
    const mine = { item };
    pending.set(name, mine);
    await clock.sleep(lagMs());
    await opens(from, to);
    pending.delete(name);
    if (closed) return;
    const target = copies[to]![table];
    await (mine.item === undefined ? target.delete({ pk, sk }) : target.put(mine.item));
  }

  const regions = Object.fromEntries(
    Object.entries(copies).map(([region, tables]) => [
      region,
      Object.fromEntries(
        TABLES.map((table) => [table, sending(tables[table], (key, item) => send(region, table, key, item))]),
      ) as unknown as ItemTables,
    ]),
  );
  return {
    regions,
    underWay: () => pending.size,
    close() {
      closed = true;
    },
  };
}

function sending(items: ScannableItems, send: (key: Key, item: Item | undefined) => void): ScannableItems {
  return {
    get: items.get,
    getMany: items.getMany,
    query: items.query,
    scan: items.scan,
    async put(item, condition) {
      const outcome = await items.put(item, condition);
      if (outcome.applied) send(item, outcome.item);
      return outcome;
    },
    async update(key, actions, condition) {
      const outcome = await items.update(key, actions, condition);
      if (outcome.applied) send(key, outcome.item);
      return outcome;
    },
    async delete(key, condition) {
      const outcome = await items.delete(key, condition);
      if (outcome.applied) send(key, undefined);
      return outcome;
    },
  };
}
