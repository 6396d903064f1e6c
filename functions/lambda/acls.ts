import { createAcls } from '../../lib/acl/acls.ts';
import { createQuotas } from '../../lib/quota/quotas.ts';
import { createHandler } from '../acls.ts';
import { onLambda } from './http.ts';

export const handler = onLambda(createHandler, { acls: createAcls, quotas: createQuotas });
