import type { Acls } from '../acl/acls.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log/log.ts';
import type { ItemStore } from '../storage/ports.ts';
import type { Topics } from '../topic/topics.ts';
import type { GroupLimits } from './limits.ts';

/** What groups rest on. */
export interface GroupContext {
  readonly items: ItemStore;
  readonly log: Log;
  readonly topics: Topics;
  readonly acls: Pick<Acls, 'accessOf'>;
  readonly clock: Clock;
  readonly limits: GroupLimits;
}
