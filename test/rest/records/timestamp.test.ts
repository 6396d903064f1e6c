import fc from 'fast-check';
import { formatRfc3339, parseRfc3339 } from '../../../lib/rest/records/timestamp.ts';

test('what is formatted can be parsed', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }), (ms) => {
      expect(parseRfc3339(formatRfc3339(ms)!, 'timestamp')).toBe(ms);
    }),
  );
});

test.each([
  ['2021-02-05T19:14:42Z', Date.UTC(2021, 1, 5, 19, 14, 42)],
  ['2021-02-05t19:14:42.5z', Date.UTC(2021, 1, 5, 19, 14, 42, 500)],
  ['2021-02-05T19:14:42.123999Z', Date.UTC(2021, 1, 5, 19, 14, 42, 123)],
  ['2021-02-05T19:14:42+02:30', Date.UTC(2021, 1, 5, 16, 44, 42)],
  ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
])('%s is %d', (text, ms) => {
  expect(parseRfc3339(text, 'timestamp')).toBe(ms);
});

test.each([
  '2021-02-05',
  '2021-02-05T19:14:42',
  '2021-02-05 19:14:42Z',
  '2021-02-30T00:00:00Z',
  '2023-02-29T00:00:00Z',
  '2021-13-01T00:00:00Z',
  '2021-00-01T00:00:00Z',
  '2021-01-00T00:00:00Z',
  '2021-01-01T24:00:00Z',
  '2021-01-01T23:59:60Z',
  '2021-01-01T00:00:00+2500',
  '1969-12-31T23:59:59Z',
  '1612552482000',
  'now',
  '',
])('%j is refused', (text) => {
  expect(() => parseRfc3339(text, 'timestamp')).toThrow(
    expect.objectContaining({ kafka: 'INVALID_TIMESTAMP', field: 'timestamp' }),
  );
});

test('no timestamp, and one beyond the year 9999, have no RFC 3339 form', () => {
  expect([-1, Date.UTC(10_000, 0, 1), Number.MAX_SAFE_INTEGER].map(formatRfc3339)).toEqual([
    null,
    null,
    null,
  ]);
});
