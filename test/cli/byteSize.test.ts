import { byteSize } from '../../lib/cli/byteSize.ts';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '0.98 KiB'],
  [1_024, '1.00 KiB'],
  [1_500, '1.46 KiB'],
  [10_239, '10.0 KiB'],
  [102_400, '100 KiB'],
  [1_023_487, '999 KiB'],
  [1_023_488, '0.98 MiB'],
  [3 * 2 ** 40, '3.00 TiB'],
  [Number.MAX_SAFE_INTEGER, '8.00 PiB'],
  [5_000 * 2 ** 50, '5000 PiB'],
])('%i bytes are %s', (bytes, text) => {
  expect(byteSize(bytes)).toBe(text);
});
