import type { Direction } from '../quota/quotaItem.ts';
import type { Wadi } from '../wadi.ts';
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
  { quotas }: Wadi,
  { id }: Operation,
  { caller: { principal }, body }: HttpRequest,
  serve: () => Promise<HttpResponse>,
): Promise<HttpResponse> {
  const direction = COUNTED[id];
  if (direction === undefined) return serve();
  await quotas.admit(principal, direction);
  const response = await serve();
  quotas.spend(principal, direction, direction === 'produce' ? body.length : bytesOf(response));
  return response;
}

const bytesOf = ({ body = '' }: HttpResponse): number => Buffer.byteLength(body);
