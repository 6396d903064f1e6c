import { type Planned, plan } from '../lib/maintenance/planner.ts';
import type { Wadi } from '../lib/wadi.ts';
import { opened } from './lambda.ts';
import { openQueue } from './queue.ts';

/** Called by the clock: hands out what is due. Rejects if that fails; the next call makes up for it. */
export const createHandler = (wadi: Wadi) => (): Promise<Planned> => plan(wadi);

export type CreatePlanner = typeof createHandler;

export const handler = opened((wadi) => {
  const planner = createHandler(wadi);
  return async (_event: unknown): Promise<Planned> => {
    const planned = await planner();
    console.log(JSON.stringify({ level: 'info', message: 'plan', ...planned }));
    return planned;
  };
}, openQueue);
