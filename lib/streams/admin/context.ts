import type { Wadi } from '../../wadi.ts';

/** What those use who look at applications, and manage them. */
export type AdminContext = Pick<Wadi, 'storage' | 'log' | 'topics' | 'clock'>;

/** Requests of one call that are under way at a time. */
export const AT_ONCE = 16;
