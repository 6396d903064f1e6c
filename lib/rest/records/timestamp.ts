import { WadiError } from '../../errors.ts';

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** Milliseconds since the Unix epoch of an RFC 3339 date-time; throws INVALID_TIMESTAMP. Finer digits are cut off. */
export function parseRfc3339(text: string, field: string): number {
  const parts = RFC3339.exec(text);
  if (parts !== null) {
    const [, year, month, day] = parts.map(Number);
    const ms = Date.parse(text.toUpperCase());
    // Date.parse takes the 30th of February for the 2nd of March.
    if (ms >= 0 && day! >= 1 && day! <= new Date(Date.UTC(year!, month!, 0)).getUTCDate()) return ms;
  }
  throw new WadiError(
    'INVALID_TIMESTAMP',
    `${field}=${JSON.stringify(text).slice(0, 60)} is not an RFC 3339 date-time from 1970 on, such as 2026-05-04T10:00:00.000Z.`,
    { field },
  );
}

const LAST_OF_FOUR_DIGITS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** The inverse, with milliseconds; `null` for what has no RFC 3339 form: no timestamp (-1) and years beyond 9999. */
export function formatRfc3339(ms: number): string | null {
  return ms >= 0 && ms <= LAST_OF_FOUR_DIGITS ? new Date(ms).toISOString() : null;
}
