import type { Wadi } from '../wadi.ts';
import { HttpError } from './errors.ts';

/**
 * What Kafka's clients know as a broker: a region. A cluster of one region has one virtual broker, whose address is that by which
 * the client came.
 */
export interface Broker {
  readonly id: number;
  /** The region's name. */
  readonly rack: string | null;
  /** Of its API; `undefined`: not known, or that by which the client came. */
  readonly url?: string | undefined;
}

const VIRTUAL: Broker = { id: 1, rack: null };

export function brokersOf({ regions }: Pick<Wadi, 'regions'>): readonly Broker[] {
  return regions.length === 0 ? [VIRTUAL] : regions.map(({ id, name, url }) => ({ id, rack: name, url }));
}

/** The one that answers. */
export function localBroker({ regions, localRegion }: Pick<Wadi, 'regions' | 'localRegion'>): Broker {
  return brokersOf({ regions }).find(({ rack }) => rack === localRegion) ?? VIRTUAL;
}

/** Throws 404 if there is none of that id. */
export function requireBroker(wadi: Wadi, brokerId: number): Broker {
  const broker = brokersOf(wadi).find(({ id }) => id === brokerId);
  if (broker !== undefined) return broker;
  throw new HttpError(404, `Broker ${brokerId} cannot be found.`, { field: 'broker_id' });
}
