import { isDeepStrictEqual } from 'node:util';
import { atOnce } from '../atOnce.ts';
import type { Clock } from '../clock.ts';
import { WadiError } from '../errors.ts';
import { withRetries } from '../log/retry.ts';
import { allItems } from '../storage/allItems.ts';
import type { Condition, Item, ItemStore } from '../storage/ports.ts';
import { type Access, accessOf } from './access.ts';
import { ACL_PK, aclKey, decodeAcl, encodeAcl, encodeMark, type StoredAcl } from './aclItem.ts';
import { type AclBinding, type AclFilter, compareBindings, isMeant } from './binding.ts';
import { type AclIndex, type AuthorizerOptions, type Caller, indexAcls } from './decide.ts';

/** The cluster's ACLs, and what they allow. */
export interface Acls {
  /** What a caller may do, by ACLs that may be some seconds old. */
  accessOf(caller: Caller): Promise<Access>;
  /** As they stand, in the order of what they are about. */
  list(filter: AclFilter): Promise<AclBinding[]>;
  /** Those that are there stay. Throws POLICY_VIOLATION above MAX_ACLS, and creates none then. */
  create(bindings: readonly AclBinding[]): Promise<void>;
  /** Returns those that it deleted. */
  delete(filter: AclFilter): Promise<AclBinding[]>;
}

export const DEFAULT_AUTHORIZER: AuthorizerOptions = {
  superUsers: new Set(),
  allowEveryoneIfNoAclFound: true,
};

/** All of them are read at once, by every process, and fit into one answer: 2,000 are some 500 KB, 60 read units. */
export const MAX_ACLS = 2_000;
/** How long a change may go unnoticed by other processes. */
export const ACLS_MAX_AGE_MS = 5_000;
const ACLS_PER_READ = 1_000;
const WRITES_AT_ONCE = 16;
/** No copy of a call is on its way for longer. */
const MARK_SECONDS = 24 * 3_600;
/** How often a write is tried anew when others come between. */
const MAX_ATTEMPTS = 5;

export interface AclContext {
  readonly metadata: ItemStore;
  readonly clock: Clock;
  readonly authorizer: AuthorizerOptions;
}

export function createAcls({ metadata, clock, authorizer }: AclContext): Acls {
  let known: { readonly index: Promise<AclIndex>; readonly readAtMs: number } | undefined;

  async function readAll(): Promise<AclBinding[]> {
    const items = await allItems(metadata, clock, { pk: ACL_PK, limit: ACLS_PER_READ });
    return items.flatMap((item) => decodeAcl(item).binding ?? []).sort(compareBindings);
  }

  /** Those who ask while they are read share it; if that fails, nobody is allowed anything: they are asked to try again. */
  function current(): Promise<AclIndex> {
    const now = clock.now();
    if (known !== undefined && Math.abs(now - known.readAtMs) < ACLS_MAX_AGE_MS) return known.index;
    const read = { index: readAll().then(indexAcls), readAtMs: now };
    known = read;
    read.index.catch(() => {
      if (known === read) known = undefined;
    });
    return read.index;
  }

  /** Writes in the place of what is there, until that was not changed meanwhile. */
  async function change(
    binding: AclBinding,
    next: (stored: StoredAcl | undefined) => Item | undefined,
  ): Promise<boolean> {
    const key = aclKey(binding);
    let item = await withRetries(clock, () => metadata.get(key));
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const stored = item && decodeAcl(item);
      const written = next(stored);
      if (written === undefined) return false;
      const outcome = await withRetries(clock, () => metadata.put(written, unchanged(stored)));
      // One that was sent again finds its own.
      if (outcome.applied || isDeepStrictEqual(outcome.item, written)) return true;
      item = outcome.item;
    }
    throw new WadiError('REQUEST_TIMED_OUT', 'Too many changes of one ACL at once. Try again.');
  }

  return {
    async accessOf(caller) {
      return accessOf(await current(), authorizer, caller);
    },

    async list(filter) {
      const all = await readAll();
      return all.filter((binding) => isMeant(binding, filter));
    },

    async create(bindings) {
      const before = await readAll();
      const keys = new Set([...before, ...bindings].map((binding) => aclKey(binding).sk));
      if (keys.size > MAX_ACLS) {
        throw new WadiError('POLICY_VIOLATION', `There may be ${MAX_ACLS} ACLs; prefixes make fewer do.`);
      }
      await atOnce(bindings, WRITES_AT_ONCE, (binding) =>
        change(binding, (stored) =>
          stored?.binding === undefined ? encodeAcl(binding, (stored?.version ?? 0) + 1) : undefined,
        ),
      );
      known = undefined;
    },

    async delete(filter) {
      const all = await readAll();
      const expiresAt = Math.floor(clock.now() / 1_000) + MARK_SECONDS;
      const meant = all.filter((each) => isMeant(each, filter));
      const isOurs = await atOnce(meant, WRITES_AT_ONCE, (binding) =>
        change(binding, (stored) =>
          stored?.binding === undefined ? undefined : encodeMark(binding, stored.version + 1, expiresAt),
        ),
      );
      known = undefined;
      return meant.filter((_, i) => isOurs[i]);
    },
  };
}

function unchanged(stored: StoredAcl | undefined): Condition {
  return stored === undefined ? { missing: ['pk'] } : { path: ['version'], is: '=', value: stored.version };
}
