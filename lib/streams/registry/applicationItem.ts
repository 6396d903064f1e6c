import type { Item, Key } from '../../storage/ports.ts';
import type { ApplicationDescription } from './describeApplication.ts';

/**
 * An application that has run, in the groups table; its tasks' items are beside: see taskItem.ts.
 *
 *     pk 'streams'   sk `<applicationId>`
 *     description    text, JSON: an ApplicationDescription
 *     resetting      while it is reset, or deleted: drawn by chance by whoever does that
 */
export const APPLICATIONS_PK = 'streams';

export const applicationKey = (applicationId: string): Key => ({ pk: APPLICATIONS_PK, sk: applicationId });

/** An application, as its workers told of it. */
export interface Registered extends ApplicationDescription {
  /** Somebody resets or deletes it, or has died of that. */
  readonly isResetting: boolean;
}

export const parseApplication = ({ description, resetting }: Item): Registered => ({
  ...(JSON.parse(description as string) as ApplicationDescription),
  isResetting: resetting !== undefined,
});
