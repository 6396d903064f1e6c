import type {
  Item,
  ItemStore,
  Key,
  ObjectStore,
  Storage,
  Value,
  WriteOutcome,
} from '../lib/storage/ports.ts';

/** Requests and capacity that AWS would have billed, by what they were for. */
export interface Meter {
  objectPuts: number;
  objectPutBytes: number;
  objectGets: number;
  objectGetBytes: number;
  objectLists: number;
  inlinePuts: number;
  /** Appends of an entry to a head, the refused ones included. */
  headAppends: number;
  /** The two steps of rolls, and evictions of producers. */
  headMaintenance: number;
  /** Index rows, and producers that were moved out of a head. */
  otherPuts: number;
  itemReads: number;
  /** Of all kinds, deletes and refused ones included. */
  itemWrites: number;
  writeUnits: number;
  readUnits: number;
}

export function newMeter(): Meter {
  return {
    objectPuts: 0,
    objectPutBytes: 0,
    objectGets: 0,
    objectGetBytes: 0,
    objectLists: 0,
    inlinePuts: 0,
    headAppends: 0,
    headMaintenance: 0,
    otherPuts: 0,
    itemReads: 0,
    itemWrites: 0,
    writeUnits: 0,
    readUnits: 0,
  };
}

/**
 * us-east-1, on demand: PUT and LIST $5 and GET $0.40 a million, deletes for nothing; write unit $0.625, strongly
 * consistent read unit $0.125.
 */
export function dollars(meter: Meter): number {
  const { objectPuts, objectLists, objectGets, writeUnits, readUnits } = meter;
  return (5 * (objectPuts + objectLists) + 0.4 * objectGets + 0.625 * writeUnits + 0.125 * readUnits) / 1e6;
}

/** As DynamoDB counts it: "DynamoDB item sizes and formats" in its developer guide. */
export function itemBytes(item: Item): number {
  return Object.entries(item).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + valueBytes(value),
    0,
  );
}

function valueBytes(value: Value): number {
  if (value === null || typeof value === 'boolean') return 1;
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'number') return Math.ceil(String(Math.abs(value)).length / 2) + (value < 0 ? 2 : 1);
  if (value instanceof Uint8Array) return value.length;
  if (Array.isArray(value)) return 3 + value.reduce((sum, element) => sum + 1 + valueBytes(element), 0);
  return Object.entries(value).reduce(
    (sum, [name, element]) => sum + 1 + Buffer.byteLength(name) + valueBytes(element),
    3,
  );
}

const writeUnits = (bytes: number): number => Math.max(1, Math.ceil(bytes / 1024));
const readUnits = (bytes: number): number => Math.max(1, Math.ceil(bytes / 4096));

export interface Latency {
  readonly objectMs: number;
  readonly itemMs: number;
}

const delay = (ms: number): Promise<void> =>
  ms === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));

/** The same storage, counted, and as slow as told. */
export function metered(
  storage: Storage,
  meter: Meter,
  latency: Latency = { objectMs: 0, itemMs: 0 },
): Storage {
  const objects: ObjectStore = {
    async put(key, chunks, options) {
      meter.objectPuts++;
      for (const { length } of chunks) meter.objectPutBytes += length;
      await delay(latency.objectMs);
      return storage.objects.put(key, chunks, options);
    },
    async get(key, range) {
      meter.objectGets++;
      await delay(latency.objectMs);
      const bytes = await storage.objects.get(key, range);
      meter.objectGetBytes += bytes?.length ?? 0;
      return bytes;
    },
    async list(prefix, options) {
      meter.objectLists++;
      await delay(latency.objectMs);
      return storage.objects.list(prefix, options);
    },
    delete: (keys) => storage.objects.delete(keys),
  };
  return {
    objects,
    log: meteredItems(storage.log, meter, latency),
    metadata: storage.metadata,
    groups: meteredItems(storage.groups, meter, latency),
    close: () => storage.close(),
  };
}

/** Of every item that was written, whoever counted it. */
const sizesOf = new WeakMap<ItemStore, Map<string, number>>();

function meteredItems(items: ItemStore, meter: Meter, latency: Latency): ItemStore {
  const sizes = sizesOf.get(items) ?? new Map<string, number>();
  sizesOf.set(items, sizes);

  const read = (found: readonly (Item | undefined)[]) => {
    meter.itemReads++;
    for (const item of found) meter.readUnits += readUnits(item ? itemBytes(item) : 0);
  };
  /** An update is charged by the larger of the item before and after; a refused one by the item that refused it. */
  const wrote = ({ pk, sk }: Key, outcome: WriteOutcome | { applied: true; item: undefined }) => {
    const name = `${pk} ${sk}`;
    meter.itemWrites++;
    const after = outcome.item ? itemBytes(outcome.item) : 0;
    meter.writeUnits += writeUnits(Math.max(after, sizes.get(name) ?? 0));
    if (outcome.applied) sizes.set(name, after);
  };

  return {
    async get(key) {
      await delay(latency.itemMs);
      const item = await items.get(key);
      read([item]);
      return item;
    },
    async getMany(keys) {
      await delay(latency.itemMs);
      const found = await items.getMany(keys);
      read(found);
      return found;
    },
    async query(query) {
      await delay(latency.itemMs);
      const page = await items.query(query);
      meter.itemReads++;
      meter.readUnits += readUnits(page.items.reduce((sum, item) => sum + itemBytes(item), 0));
      return page;
    },
    async put(item, condition) {
      if (item.pk.startsWith('inline/')) meter.inlinePuts++;
      else meter.otherPuts++;
      await delay(latency.itemMs);
      const outcome = await items.put(item, condition);
      wrote(item, outcome);
      return outcome;
    },
    async update(key, actions, condition) {
      if (actions.some((action) => 'append' in action)) meter.headAppends++;
      else meter.headMaintenance++;
      await delay(latency.itemMs);
      const outcome = await items.update(key, actions, condition);
      wrote(key, outcome);
      return outcome;
    },
    async delete(key, condition) {
      await delay(latency.itemMs);
      const outcome = await items.delete(key, condition);
      wrote(key, outcome);
      return outcome;
    },
  };
}
