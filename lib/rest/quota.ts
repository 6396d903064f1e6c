import type { Direction } from '../quota/quotaItem.ts';
import type { Wadi } from '../wadi.ts';
import { memberName } from './consumers/paths.ts';
import type { HttpRequest, HttpResponse, Operation } from './operation.ts';

/** What counts for a principal's quotas, by the operations' ids: the bytes of these requests, and of these answers. */
const COUNTED: Readonly<Record<string, Direction>> = {
  produceRecord: 'produce',
  produceRecordsBatch: 'produce',
  produceToPartition: 'produce',
  send: 'produce',
  sendToPartition: 'produce',
  fetchRecords: 'fetch',
  poll: 'fetch',
};

/** Serves a request if its principal is within its quota, and counts it. Throws THROTTLING_QUOTA_EXCEEDED, with nothing done. */
export async function withinQuota(
  wadi: Wadi,
  { id }: Operation,
  request: HttpRequest,
  serve: () => Promise<HttpResponse>,
): Promise<HttpResponse> {
  const direction = COUNTED[id];
  if (direction === undefined) return serve();
  const { quotas, groups } = wadi;
  const { principal } = request.caller;
  await quotas.admit(principal, direction).catch(async (error) => {
    // Who has to wait for its next poll does not lose its place for that.
    if (id === 'poll') await groups.heartbeat(memberName(request));
    throw error;
  });
  if (direction === 'produce') quotas.spend(principal, direction, request.body.length);
  const response = await serve();
  if (direction === 'fetch') quotas.spend(principal, direction, bytesOf(response));
  return response;
}

const bytesOf = ({ body = '' }: HttpResponse): number => Buffer.byteLength(body);
