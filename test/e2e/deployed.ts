import { credentialsOf } from '../../lib/cli/identity.ts';
import { connectClient } from './client.ts';
import { describeEndToEnd } from './endToEnd.ts';

/**
 * Against a deployment: `WADI_URL=https://… npm run test:e2e`, with `WADI_SIGN=true` if it asks for signed requests. Not of `npm test`, so
 * that nobody's variable sends that to a cluster which matters.
 */
const { WADI_URL, WADI_SIGN } = process.env;
if (!WADI_URL) throw new Error('WADI_URL must say where the deployment is');
const { requestSigner } = await credentialsOf(WADI_SIGN === 'true' ? { sign: true } : {});

describeEndToEnd(WADI_URL, () => connectClient(WADI_URL.replace(/\/$/, ''), requestSigner));
