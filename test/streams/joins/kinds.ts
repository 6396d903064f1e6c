import type { GlobalTable } from '../../../lib/streams/dsl/globalTable.ts';
import type { StreamJoined } from '../../../lib/streams/dsl/joins/options.ts';
import type { Stream } from '../../../lib/streams/dsl/stream.ts';
import type { Table } from '../../../lib/streams/dsl/table.ts';
import type { JoinWindows } from '../../../lib/streams/windows/joinWindows.ts';
import { pair, strings } from './tables.ts';

type Strings = Stream<string, string>;
type Options = StreamJoined<string, string, string, string>;

/** The joins of streams, by name: told apart here, since a method of many signatures cannot be called by a name that is not known. */
export const joinStreams = {
  join: (left: Strings, right: Strings, windows: JoinWindows, options: Options = strings): Strings =>
    left.join(right, pair, windows, options),
  leftJoin: (left: Strings, right: Strings, windows: JoinWindows, options: Options = strings): Strings =>
    left.leftJoin(right, pair, windows, options),
  outerJoin: (left: Strings, right: Strings, windows: JoinWindows, options: Options = strings): Strings =>
    left.outerJoin(right, pair, windows, options),
};

export const joinTable = {
  join: (left: Strings, table: Table<string, string>): Strings => left.join(table, pair, strings),
  leftJoin: (left: Strings, table: Table<string, string>): Strings => left.leftJoin(table, pair, strings),
};

type Mapper = (key: string, value: string) => string | null;

export const joinGlobalTable = {
  join: (left: Strings, table: GlobalTable<string, string>, mapper: Mapper): Strings =>
    left.join(table, mapper, pair, { valueSerde: strings.valueSerde }),
  leftJoin: (left: Strings, table: GlobalTable<string, string>, mapper: Mapper): Strings =>
    left.leftJoin(table, mapper, pair, { valueSerde: strings.valueSerde }),
};

type Rows = Table<string, string>;

export const joinTables = {
  join: (left: Rows, right: Rows, options = {}): Rows => left.join(right, pair, { ...strings, ...options }),
  leftJoin: (left: Rows, right: Rows, options = {}): Rows =>
    left.leftJoin(right, pair, { ...strings, ...options }),
  outerJoin: (left: Rows, right: Rows, options = {}): Rows =>
    left.outerJoin(right, pair, { ...strings, ...options }),
};

type ForeignKey = (value: string, key: string) => string | null;

export const joinOnForeignKey = {
  join: (left: Rows, right: Rows, foreignKey: ForeignKey, options = {}): Rows =>
    left.join(right, foreignKey, pair, { ...strings, ...options }),
  leftJoin: (left: Rows, right: Rows, foreignKey: ForeignKey, options = {}): Rows =>
    left.leftJoin(right, foreignKey, pair, { ...strings, ...options }),
};
