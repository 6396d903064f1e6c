export type Cell = string | number;

/** A plain table: numbers to the right, text to the left. */
export function printTable(
  title: string,
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
): void {
  const text = [columns, ...rows.map((row) => row.map(String))];
  const widths = columns.map((_, i) => Math.max(...text.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly Cell[]): string =>
    row
      .map((cell, i) =>
        typeof cell === 'number' || /^[\d.,$%x-]+$/.test(cell)
          ? String(cell).padStart(widths[i]!)
          : cell.padEnd(widths[i]!),
      )
      .join('  ')
      .trimEnd();
  console.log(`\n${title}\n`);
  console.log(
    columns.map((name, i) => (i === 0 ? name.padEnd(widths[i]!) : name.padStart(widths[i]!))).join('  '),
  );
  console.log(widths.map((width) => '-'.repeat(width)).join('  '));
  for (const row of rows) console.log(line(row));
}
