import { encodeBatch } from '../../../lib/record/encode.ts';
import { FORMATS } from '../../../lib/rest/consumers/format.ts';
import { type ConsumerPage, createPage, type PageLimits } from '../../../lib/rest/consumers/page.ts';
import { encodedBytes, MAX_ANSWER_BYTES } from '../../../lib/rest/response.ts';
import type { Topic } from '../../../lib/topic/topic.ts';

const NO_LIMITS: PageLimits = { maxRecords: 1e6, maxBytes: 1e9 };
const topic = { name: 'orders' } as Topic;

function page(format: string, limits: Partial<PageLimits> = {}): ConsumerPage {
  return createPage(FORMATS.get(format)!, { ...NO_LIMITS, ...limits });
}

/** A fetch of one batch from offset 0 on. */
function fetched(...values: string[]) {
  const records = values.map((value) => ({
    timestamp: 0,
    key: null,
    value: Buffer.from(value),
    headers: [],
  }));
  return {
    bytes: encodeBatch(records),
    nextOffset: values.length,
    highWatermark: values.length,
    logStartOffset: 0,
  };
}

const offsets = ({ records }: ConsumerPage) => records.map((text) => JSON.parse(text).offset);

test('takes what there is, and goes on behind offsets whose records are gone', () => {
  const full = page('text');
  expect(full.add(topic, 0, { ...fetched('a', 'b'), nextOffset: 9 }, 1)).toEqual({
    records: 1,
    nextOffset: 9,
    full: false,
  });
  expect(offsets(full)).toEqual([1]);
});

test('what was given before is given again up to its end, whatever the limits', () => {
  const again = page('text', { maxRecords: 1, maxBytes: 1 });
  expect(again.add(topic, 0, fetched('a', 'b', 'c', 'd'), 0, 3)).toEqual({
    records: 3,
    nextOffset: 3,
    full: false,
  });
  expect(again.add(topic, 1, fetched('a'), 0, 1)).toEqual({ records: 1, nextOffset: 1, full: false });
  expect(offsets(again)).toEqual([0, 1, 2, 0]);
});

test('the limits hold for all partitions of a page together', () => {
  const bounded = page('text', { maxRecords: 3 });
  expect(bounded.add(topic, 0, fetched('a', 'b'), 0)).toEqual({ records: 2, nextOffset: 2, full: false });
  expect(bounded.add(topic, 1, fetched('a', 'b'), 0)).toEqual({ records: 1, nextOffset: 1, full: true });
});

test('any page fits in an answer of Lambda', () => {
  for (const value of ['x'.repeat(900_000), '\u0001'.repeat(200_000), '€"'.repeat(100_000)]) {
    for (const format of ['text', 'binary']) {
      const full = page(format);
      const batch = fetched(...Array.from({ length: 18 }, () => value));
      expect(full.add(topic, 0, batch, 0).full).toBe(true);
      expect(full.records.length).toBeGreaterThan(1);
      expect(encodedBytes(`[${full.records.join(',')}]`).bytes).toBeLessThan(MAX_ANSWER_BYTES);
    }
  }
});

test('a record that no answer can hold is refused with its place, but for what is before it', () => {
  const huge = 'x'.repeat(7_000_000);
  const first = page('text');
  expect(first.add(topic, 0, fetched('a', huge), 0)).toEqual({ records: 1, nextOffset: 1, full: true });
  expect(() => page('text').add(topic, 3, fetched('a', huge), 1)).toThrow(
    expect.objectContaining({
      status: 413,
      kafka: 'MESSAGE_TOO_LARGE',
      message: expect.stringMatching(/offset 1 of partition 3 of topic 'orders'.*seek to 2/),
    }),
  );
});

test('a large record is answered alone if an answer can hold it', () => {
  const large = page('text');
  const value = 'x'.repeat(5_500_000);
  expect(large.add(topic, 0, fetched(value, 'b'), 0)).toEqual({ records: 1, nextOffset: 1, full: true });
  expect(offsets(large)).toEqual([0]);
});
