import { WadiError } from '../../errors.ts';
import type { ApplicationDescription } from '../registry/describeApplication.ts';
import { createRegistry } from '../registry/registry.ts';
import type { AdminContext } from './context.ts';

/** Throws GROUP_ID_NOT_FOUND for one of which no worker has run. */
export async function findApplication(
  { storage, clock }: AdminContext,
  applicationId: string,
): Promise<ApplicationDescription> {
  const found = await createRegistry(storage.groups, clock).find(applicationId);
  if (found !== undefined) return found;
  throw new WadiError('GROUP_ID_NOT_FOUND', `Application '${applicationId}' does not exist.`, {
    field: 'application_id',
  });
}
