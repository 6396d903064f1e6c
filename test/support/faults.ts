import type { ItemStore, ObjectStore, Storage } from '../../lib/storage/ports.ts';

export interface Call {
  readonly store: 'objects' | 'log' | 'metadata' | 'groups';
  readonly operation: string;
  readonly args: readonly unknown[];
}

/** Decides over a call: lets it through by `proceed`, once, twice or not at all, and may fail before or after. */
export type Intercept = (call: Call, proceed: () => Promise<unknown>) => Promise<unknown>;

/** The same storage with somebody on the line. */
export function intercepted(storage: Storage, intercept: Intercept): Storage {
  const wrap = <T extends ObjectStore | ItemStore>(store: Call['store'], target: T): T =>
    new Proxy(target, {
      get(inner, operation: string) {
        const method = inner[operation as keyof T];
        if (typeof method !== 'function') return method;
        return (...args: unknown[]) =>
          intercept({ store, operation, args }, async () => method.apply(inner, args));
      },
    });
  return {
    objects: wrap('objects', storage.objects),
    log: wrap('log', storage.log),
    metadata: wrap('metadata', storage.metadata),
    groups: wrap('groups', storage.groups),
    close: () => storage.close(),
  };
}
