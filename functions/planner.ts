import { type Planned, plan } from '../lib/maintenance/planner.ts';
import type { Wadi } from '../lib/wadi.ts';

/** Called by the clock: hands out what is due. Rejects if that fails; the next call makes up for it. */
export const createHandler = (wadi: Wadi) => (): Promise<Planned> => plan(wadi);

export type CreatePlanner = typeof createHandler;
