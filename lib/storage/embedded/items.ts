import { deserialize, serialize } from 'node:v8';
import { itemStore } from '../items.ts';
import type { Item, ScannableItems } from '../ports.ts';
import type { Database } from './database.ts';

/** SQLite sorts every text before every blob. */
const AFTER_ANY_TEXT = new Uint8Array(0);

/** Items as rows. */
export function openItems(database: Database, table: 'log' | 'metadata' | 'groups'): ScannableItems {
  type Row = { item: Uint8Array };
  const select = database.prepare<Row>(`SELECT item FROM ${table} WHERE pk = ? AND sk = ?`);
  const upsert = database.prepare(
    `INSERT INTO ${table} VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET item = excluded.item`,
  );
  const remove = database.prepare(`DELETE FROM ${table} WHERE pk = ? AND sk = ?`);
  const range = `SELECT item FROM ${table} WHERE pk = ? AND sk >= ? AND sk <= ? ORDER BY sk`;
  const ascending = database.prepare<Row>(range);
  const descending = database.prepare<Row>(`${range} DESC`);
  const everything = database.prepare<Row>(
    `SELECT item FROM ${table} WHERE (pk, sk) > (?, ?) ORDER BY pk, sk`,
  );
  const decode = ({ item }: Row): Item => deserialize(item);

  return itemStore(
    {
      get({ pk, sk }) {
        const row = select.get(pk, sk);
        return row && decode(row);
      },
      put: (item) => upsert.run(item.pk, item.sk, serialize(item)),
      delete: ({ pk, sk }) => remove.run(pk, sk),
      *scan({ pk, from = '', to = AFTER_ANY_TEXT, descending: isDescending }) {
        const inOrder = isDescending ? descending : ascending;
        for (const row of inOrder.rows(pk, from, to)) yield decode(row);
      },
      *all({ pk, sk } = { pk: '', sk: '' }) {
        for (const row of everything.rows(pk, sk)) yield decode(row);
      },
    },
    database.write,
  );
}
