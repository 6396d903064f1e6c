import type { ByteStore } from './store.ts';

/** The same, but that what would change it throws. */
export function readOnlyBytes(name: string, bytes: ByteStore): ByteStore {
  const refuse = () => {
    throw new Error(`store ${name} is a global table's: its topic alone changes it`);
  };
  return {
    ...{ get: bytes.get, range: bytes.range, watch: bytes.watch, put: refuse, delete: refuse },
    get size() {
      return bytes.size;
    },
  };
}
