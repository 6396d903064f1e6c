import type { Item, Key } from '../../storage/ports.ts';
import type { ApplicationDescription } from './describeApplication.ts';

/**
 * An application that has run, in the groups table; its tasks' items are beside: see taskItem.ts.
 *
 *     pk 'streams'   sk `<applicationId>`
 *     description    text, JSON: an ApplicationDescription
 */
export const APPLICATIONS_PK = 'streams';

export const applicationKey = (applicationId: string): Key => ({ pk: APPLICATIONS_PK, sk: applicationId });

export function applicationItem(description: ApplicationDescription): Item {
  return { ...applicationKey(description.applicationId), description: JSON.stringify(description) };
}

export const parseApplication = ({ description }: Item): ApplicationDescription =>
  JSON.parse(description as string) as ApplicationDescription;
