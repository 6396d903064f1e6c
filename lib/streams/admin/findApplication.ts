import { WadiError } from '../../errors.ts';
import type { Registered } from '../registry/applicationItem.ts';
import { createRegistry } from '../registry/registry.ts';
import type { AdminContext } from './context.ts';

/** Throws GROUP_ID_NOT_FOUND for one of which no worker has run. */
export async function findApplication(
  { storage, clock }: AdminContext,
  applicationId: string,
): Promise<Registered> {
  const found = await createRegistry(storage.groups, clock).find(applicationId);
  if (found !== undefined) return found;
  throw unknownApplication(applicationId);
}

export function unknownApplication(applicationId: string): WadiError {
  return new WadiError('GROUP_ID_NOT_FOUND', `Application '${applicationId}' does not exist.`, {
    field: 'application_id',
  });
}
