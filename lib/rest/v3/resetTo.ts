import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import type { ResetSpec } from '../../group/groups.ts';
import { parseRfc3339 } from '../records/timestamp.ts';

const offset = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const shift = Type.Integer({ minimum: -Number.MAX_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER });
const alone = { additionalProperties: false };

const places = [
  Type.Literal('earliest'),
  Type.Literal('latest'),
  Type.Object({ offset }, alone),
  Type.Object({ timestamp: Type.Union([offset, Type.String()]) }, alone),
] as const;
const told =
  'the log start, the end, an offset, the first record that is not older than a time (ms since the Unix epoch, or an RFC 3339 date-time)';

/** In the body of a request. */
export const ResetTo = Type.Union([...places, Type.Object({ shift }, alone)], {
  description: `Where to: ${told}, or from where it is by so many offsets (\`{"shift":-10}\`). Moved into what the partition holds.`,
});

/** The same of what may have to be done again, so that it does not depend on where a position is. */
export const ResetToPlace = Type.Union([...places], {
  description: `Where to: ${told}. Moved into what the partition holds.`,
});

/** Throws INVALID_TIMESTAMP. */
export function specOf(to: Static<typeof ResetTo>): ResetSpec {
  if (typeof to === 'string' || !('timestamp' in to)) return to;
  const { timestamp } = to;
  return { timestamp: typeof timestamp === 'number' ? timestamp : parseRfc3339(timestamp, 'to.timestamp') };
}
