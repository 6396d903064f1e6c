import type { Wadi } from '../../wadi.ts';

/** What those use who look at applications, and manage them. With `arrived`, items are replicated with a lag. */
export type AdminContext = Pick<Wadi, 'storage' | 'log' | 'topics' | 'clock' | 'arrived'>;

/** Requests of one call that are under way at a time. */
export const AT_ONCE = 16;
