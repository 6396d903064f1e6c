import { setTimeout as sleep } from 'node:timers/promises';
import { isRefusal } from './client.ts';

const PAUSE_MS = 250;

/** Tries until it succeeds, is refused, has failed for so long, or `stop`; the last outcome tells. */
export async function insist<T extends { readonly is: string; readonly error?: string }>(
  attempt: () => Promise<T>,
  patienceMs: number,
  stop: AbortSignal,
): Promise<T> {
  for (const untilMs = performance.now() + patienceMs; ; ) {
    const outcome = await attempt();
    if (outcome.is === 'ok' || isRefusal(outcome.error)) return outcome;
    if (stop.aborted || performance.now() > untilMs) return outcome;
    await sleep(PAUSE_MS);
  }
}
