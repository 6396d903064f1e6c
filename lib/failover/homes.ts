import { type ItemStore, TABLES } from '../storage/ports.ts';
import type { Authority } from './authority.ts';
import { epochItems, whileHome } from './epochItems.ts';
import type { Home } from './home.ts';

type Tables = Readonly<Record<(typeof TABLES)[number], ItemStore>>;

/** The tables of the region that is home, as its epoch reads and writes them. */
export function homeTables(
  home: Pick<Home, 'epoch' | 'home'>,
  tablesOf: (region: string) => Tables,
  authority: Pick<Authority, 'current' | 'holds'>,
): Tables {
  const tables = tablesOf(home.home);
  const [log, metadata, groups] = TABLES.map((table) =>
    whileHome(epochItems(tables[table], home.epoch), home.epoch, authority),
  ) as [ItemStore, ItemStore, ItemStore];
  return { log, metadata, groups };
}

/** What a process remembers of an epoch may be more than the next one has: so each has a `T` of its own. */
export interface Homes<T> {
  /** Throws StorageError while it cannot be told who is home. */
  current(): Promise<T>;
}

export function createHomes<T>(
  authority: Pick<Authority, 'current'>,
  open: (home: Home) => Promise<T>,
): Homes<T> {
  let opened: { epoch: number; it: Promise<T> } | undefined;
  return {
    async current() {
      const home = await authority.current();
      if (opened?.epoch === home.epoch) return opened.it;
      const made = { epoch: home.epoch, it: open(home) };
      opened = made;
      made.it.catch(() => {
        if (opened === made) opened = undefined;
      });
      return made.it;
    },
  };
}
