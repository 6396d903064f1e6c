import { limits } from '../record/support.ts';
import { batchFuzzes, checkBody } from './batchProperties.ts';
import { fuzzTests } from './budget.ts';

fuzzTests(batchFuzzes, 800);

/** Bodies that failed once, and what was wrong. */
test.each([
  [
    'a record at a negative offset is read, not passed over',
    'ffffffffffffffff00000038000000000291fa000d00000000000000000000000000000000000000000000ffffffffffffffffffffffffffff000000010c000000000100',
  ],
  [
    'a last offset beyond 53 bits is refused, not rounded',
    '001fffffffffffff0000003f0000000002c9df042500000000000100000174876e800000000174876e8000ffffffffffffffffffffffffffff000000020c0000000101000c000002010100',
  ],
])('%s', (_, hex) => checkBody({ bytes: Uint8Array.from(Buffer.from(hex, 'hex')), limits }));
