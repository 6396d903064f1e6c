const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Three digits are enough for people: `0 B`, `998 B`, `1.46 KiB`, `12.3 MiB`. */
export function byteSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // From here on it would be rounded to four digits.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}
