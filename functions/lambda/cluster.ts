import { createAcls } from '../../lib/acl/acls.ts';
import { createHandler } from '../cluster.ts';
import { onLambda } from './http.ts';

export const handler = onLambda(createHandler, { acls: createAcls });
