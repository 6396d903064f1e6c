import { randomUUID } from 'node:crypto';
import { batch } from '../support/log.ts';
import type { Client, Page } from './client.ts';

/** The whole of Wadi over HTTP, through clients that `connect` makes: of processes that share their storage, or of one URL. */
export function describeEndToEnd(name: string, connect: () => Promise<Client>): void {
  describe(`end to end on ${name}`, () => {
    let here: Client;
    let there: Client;
    const topics: string[] = [];

    beforeAll(async () => {
      here = await connect();
      there = await connect();
    });
    afterAll(async () => {
      await Promise.all(topics.map((topic) => here.send('DELETE', `/topics/${topic}`)));
      await Promise.all([here.close(), there.close()]);
    });

    /** A topic of its own for each test, of which there is no other where others are at work, too. */
    async function newTopic(partitions = 1): Promise<string> {
      const topic_name = `e2e-${randomUUID()}`;
      topics.push(topic_name);
      const created = await here.post('/topics', { topic_name, partitions_count: partitions });
      expect(created.status).toBe(201);
      return topic_name;
    }

    test('both processes are one cluster', async () => {
      expect(here.clusterId).toBe(there.clusterId);
    });

    test('64 producers at once on one partition: each record at its acknowledged offset, once', async () => {
      const topic = await newTopic();
      const reports = await Promise.all(
        Array.from({ length: 64 }, (_, i) => {
          const client = i % 2 ? here : there;
          return client.produce(topic, { partition_id: 0, value: { type: 'STRING', data: `v${i}` } });
        }),
      );
      const records = await there.readAll(topic, 0);
      expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 64 }, (_, i) => i));
      for (const [i, { offset }] of reports.entries()) expect(records[offset]!.value!.data).toBe(`v${i}`);
    });

    test('16 producers that each write to 16 partitions: offsets without a gap in every one', async () => {
      const topic = await newTopic(16);
      const acknowledged = new Map<string, string>();
      await Promise.all(
        Array.from({ length: 16 }, async (_, producer) => {
          const client = producer % 2 ? here : there;
          const records = Array.from({ length: 16 }, (_, partition) => ({
            partition,
            value: `${producer}/${partition}`,
          }));
          const { json } = await client.postV2(`/topics/${topic}`, { records });
          for (const [i, { partition, offset }] of json.offsets.entries()) {
            expect(partition).toBe(i);
            acknowledged.set(`${partition}/${offset}`, `${producer}/${partition}`);
          }
        }),
      );
      expect(acknowledged.size).toBe(256);
      for (let partition = 0; partition < 16; partition++) {
        const records = await here.readAll(topic, partition);
        expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 16 }, (_, i) => i));
        for (const { offset, value } of records)
          expect(value!.data).toBe(acknowledged.get(`${partition}/${offset}`));
      }
    });

    test('records are read back and forth: by offset, by time, in pages, and as they come', async () => {
      const topic = await newTopic();
      for (let i = 0; i < 10; i++) {
        const timestamp = new Date(1_000 * (i + 1)).toISOString();
        await here.produce(topic, { timestamp, value: { type: 'JSON', data: i } });
      }
      const values = ({ records }: Page) => records.map(({ value }) => value!.data);
      expect(values(await there.fetch(topic, 0, 'offset=7'))).toEqual([7, 8, 9]);
      expect(values(await there.fetch(topic, 0, 'offset=2&max_records=2'))).toEqual([2, 3]);
      expect(values(await there.fetch(topic, 0, 'timestamp=9000'))).toEqual([8, 9]);
      expect(await there.fetch(topic, 0, 'offset=latest')).toMatchObject({ records: [], next_offset: 10 });

      const waiting = there.fetch(topic, 0, 'offset=latest&max_wait_ms=10000&min_bytes=1');
      await here.produce(topic, { value: { type: 'JSON', data: 10 } });
      expect(values(await waiting)).toEqual([10]);
    });

    test('keys, values and headers of any bytes come back as they were, large ones too', async () => {
      const topic = await newTopic();
      const large = Buffer.alloc(300_000, 'Wadi ').toString('base64');
      const cases = [
        { key: null, value: null, headers: [] },
        {
          key: '/wD+',
          value: 'AAEC',
          headers: [
            { name: 'h', value: '//8=' },
            { name: 'n', value: null },
          ],
        },
        { key: '', value: large, headers: [] },
      ];
      for (const { key, value, headers } of cases) {
        const data = (text: string | null) => (text === null ? null : { type: 'BINARY', data: text });
        await here.produce(topic, { key: data(key), value: data(value), headers });
      }
      const { records } = await there.fetch(topic, 0, 'format=binary');
      expect(
        records.map(({ key, value, headers }) => ({
          key: key?.data ?? null,
          value: value?.data ?? null,
          headers,
        })),
      ).toEqual(cases);
    });

    test('an idempotent batch that is sent again is answered with its offset and is there once', async () => {
      const topic = await newTopic();
      const { bytes } = batch(['once'], { producer: { id: 7n, epoch: 0, sequence: 0 } });
      await here.produce(topic, { value: { type: 'STRING', data: 'before' } });
      const first = await here.postBatches(topic, 0, bytes);
      const again = await there.postBatches(topic, 0, bytes);
      expect([first.status, again.status]).toEqual([200, 200]);
      expect(again.json).toEqual(first.json);
      expect((await here.readAll(topic, 0)).map(({ value }) => value!.data)).toEqual(['before', 'once']);
    });

    test('a name that is deleted and made again shows nothing old', async () => {
      const topic = await newTopic();
      await here.produce(topic, { value: { type: 'STRING', data: 'old' } });
      expect((await here.send('DELETE', `/topics/${topic}`)).status).toBe(204);
      expect((await here.send('GET', `/topics/${topic}`)).status).toBe(404);
      expect((await there.post('/topics', { topic_name: topic })).status).toBe(201);
      expect(await there.readAll(topic, 0)).toEqual([]);
      expect(await there.produce(topic, { value: { type: 'STRING', data: 'new' } })).toMatchObject({
        offset: 0,
      });
    });

    test('partitions that are added are written and read', async () => {
      const topic = await newTopic();
      const grown = await here.send('PATCH', `/topics/${topic}`, { partitions_count: 20 });
      expect(grown.status).toBe(200);
      await here.produce(topic, { partition_id: 19, value: { type: 'STRING', data: 'x' } });
      expect(await here.readAll(topic, 19)).toHaveLength(1);
    });

    test('what is refused leaves nothing behind', async () => {
      const topic = await newTopic();
      const { bytes } = batch(['x']);
      const damaged = Buffer.from(bytes);
      damaged[damaged.length - 1]! ^= 1;
      const refused = [
        await here.postBatches(topic, 0, damaged),
        await here.postBatches(topic, 1, bytes),
        await here.post(`/topics/${topic}/records`, {
          partition_id: 1,
          value: { type: 'STRING', data: 'x' },
        }),
        await here.post(`/topics/${topic}/records`, { value: { type: 'BINARY', data: '?' } }),
        await here.send('GET', `/topics/${topic}/partitions/0/records?offset=1`),
        await here.send('POST', `/topics/${topic}/configs:alter`, { data: [{ name: 'nope', value: '1' }] }),
      ];
      for (const { status, json } of refused) {
        // A record refused on its own is reported in an answer that is 200.
        const { error_code } = json as { error_code: number };
        expect(String(error_code)).toMatch(/^4/);
        expect([200, Number(String(error_code).slice(0, 3))]).toContain(status);
      }
      expect(await here.readAll(topic, 0)).toEqual([]);
    });

    test('another process that starts later finds all of it', async () => {
      const topic = await newTopic(2);
      for (const partition_id of [0, 1]) {
        await here.produce(topic, { partition_id, value: { type: 'JSON', data: partition_id } });
      }
      const later = await connect();
      try {
        expect(later.clusterId).toBe(here.clusterId);
        for (const partition of [0, 1]) {
          const records = await later.readAll(topic, partition);
          expect(records.map(({ value }) => value!.data)).toEqual([partition]);
        }
      } finally {
        await later.close();
      }
    });
  });
}
