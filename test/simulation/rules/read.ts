import type { Mutation } from '../mutations.ts';

export const readRules: readonly Mutation[] = [
  {
    rule: 'a fetch reads the head as it stands',
    file: 'lib/log/fetch.ts',
    from: 'const head = await heads.read(topic, headIndex);',
    to: 'const head = heads.cached(topic, headIndex) ?? (await heads.read(topic, headIndex));',
  },
  {
    rule: 'the bounds are those of the head as it stands',
    file: 'lib/log/createLog.ts',
    from: 'return boundsIn(await heads.read(topic, headIndexOf(topic, partition)).catch(rethrow), partition);',
    to: 'const index = headIndexOf(topic, partition);\n      return boundsIn(heads.cached(topic, index) ?? (await heads.read(topic, index).catch(rethrow)), partition);',
  },
  {
    rule: 'records below the log start are out of range',
    file: 'lib/log/fetch.ts',
    from: 'if (offset < start || offset > end)',
    to: 'if (offset > end)',
  },
  {
    rule: 'a lookup by time finds nothing below the log start',
    file: 'lib/log/listOffsets.ts',
    from: 'if (record.offset < startOffset || ',
    to: 'if (',
  },
  {
    rule: 'the high watermark covers all that is read',
    file: 'lib/log/fetch.ts',
    from: 'Math.max(end, answer.nextOffset)',
    to: 'end',
  },
  {
    rule: 'a fetch shows records that are there',
    file: 'lib/log/fetch.ts',
    from: 'if (++look > limits.looks) throw missingBytes(topic, partition, offset);',
    to: 'if (++look > limits.looks)\n      return { bytes: new Uint8Array(0), nextOffset: offset, highWatermark: end, logStartOffset: start };',
  },
  {
    rule: 'offsets beyond the high watermark are out of range',
    file: 'lib/log/fetch.ts',
    from: 'if (offset < start || offset > end)',
    to: 'if (offset < start)',
  },
  {
    rule: 'a fetch does not step over rows that are gone',
    file: 'lib/log/fetch.ts',
    from: 'if (next < end) return undefined;',
    to: '',
  },
];
