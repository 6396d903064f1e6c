import { atOnce } from '../atOnce.ts';
import type { Clock } from '../clock.ts';
import { headKey, isDeleted } from '../log/head.ts';
import type { LogTopic } from '../log/log.ts';
import { withRetries } from '../log/retry.ts';
import type { Action, Condition, ItemStore } from '../storage/ports.ts';

/**
 * From here on the heads of the topic refuse what was appended as of an older epoch. It ends at the first that is not there: one that
 * is made later is met for the first time by whoever appends to it (Membership.viewFor).
 */
export async function raiseHeads(
  items: ItemStore,
  clock: Clock,
  topic: LogTopic,
  epoch: number,
  headsAtOnce: number,
): Promise<number> {
  const actions: Action[] = [{ set: ['inSync'], to: epoch }];
  const condition: Condition = {
    all: [
      { exists: ['tail'] },
      { any: [{ missing: ['inSync'] }, { path: ['inSync'], is: '<', value: epoch }] },
    ],
  };
  let raised = 0;
  for (let first = 0; ; first += headsAtOnce) {
    const indexes = Array.from({ length: headsAtOnce }, (_, i) => first + i);
    const outcomes = await atOnce(indexes, headsAtOnce, (index) =>
      withRetries(clock, () => items.update(headKey(topic.id, index), actions, condition)),
    );
    raised += outcomes.filter(({ applied }) => applied).length;
    if (outcomes.some(({ item }) => item === undefined || isDeleted(item))) return raised;
  }
}
