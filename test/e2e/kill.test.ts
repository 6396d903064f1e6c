import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnCluster } from '../../lib/local/spawn.ts';
import { batch, valuesOf } from '../support/log.ts';

const ROUNDS = 10;
const WRITERS = 12;
const PARTITIONS = 4;
const RAW = 'application/vnd.wadi.recordbatch';

interface Writer {
  readonly id: number;
  readonly partition: number;
  /** An idempotent one sends what was cut off again; another leaves it, since it may be there. */
  readonly idempotent: boolean;
  next: number;
}

/** Writes until the connection breaks, and notes what was acknowledged. */
async function write(topicUrl: string, writer: Writer, acknowledged: Map<string, string>): Promise<void> {
  for (;;) {
    const value = `${writer.id}-${writer.next}`;
    const { id, partition, idempotent } = writer;
    const producer = { id: BigInt(id), epoch: 0, sequence: writer.next };
    const padding = writer.next % 5 === 0 ? 'x'.repeat(5_000) : '';
    const { bytes } = batch([`${value} ${padding}`], idempotent ? { producer } : {});
    try {
      const url = `${topicUrl}/partitions/${partition}/records`;
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': RAW },
        body: Buffer.from(bytes),
      });
      const answer = (await response.json()) as { offset: number };
      if (response.status !== 200) throw new Error(JSON.stringify(answer));
      acknowledged.set(`${partition}/${answer.offset}`, value);
      writer.next++;
    } catch (error) {
      // What fetch says of a connection that broke, before or within the answer.
      if (!['TypeError', 'SyntaxError'].includes((error as Error).name)) throw error;
      if (!idempotent) writer.next++;
      return;
    }
  }
}

async function readAll(topicUrl: string, partition: number): Promise<[number, string][]> {
  const found: [number, string][] = [];
  for (let offset = 0; ; ) {
    const url = `${topicUrl}/partitions/${partition}/records?offset=${offset}`;
    const response = await fetch(url, { headers: { accept: RAW } });
    expect(response.status).toBe(200);
    const values = valuesOf(new Uint8Array(await response.arrayBuffer()));
    if (values.length === 0) return found;
    for (const [at, value] of values) found.push([at, value.split(' ')[0]!]);
    offset = Number(response.headers.get('wadi-next-offset'));
  }
}

test('the local cluster is killed ten times in mid-load: what it acknowledged is there, at its offset, once', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'wadi-kill-'));
  const acknowledged = new Map<string, string>();
  const writers = Array.from({ length: WRITERS }, (_, id): Writer => {
    return { id, partition: id % PARTITIONS, idempotent: id % 3 !== 0, next: 0 };
  });
  let cluster = await spawnCluster(directory);
  try {
    const clusters = (await (await fetch(`${cluster.url}/v3/clusters`)).json()) as {
      data: { cluster_id: string }[];
    };
    const path = `/v3/clusters/${clusters.data[0]!.cluster_id}/topics`;
    const created = await fetch(`${cluster.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ topic_name: 'kill', partitions_count: PARTITIONS }),
    });
    expect(created.status).toBe(201);

    for (let round = 0; round < ROUNDS; round++) {
      const before = acknowledged.size;
      const topicUrl = `${cluster.url}${path}/kill`;
      const writing = Promise.all(writers.map((writer) => write(topicUrl, writer, acknowledged)));
      await new Promise((resolve) => setTimeout(resolve, 200 + 60 * round));
      await cluster.stop('SIGKILL');
      await writing;
      expect(acknowledged.size).toBeGreaterThan(before);
      cluster = await spawnCluster(directory);
    }

    const seen = new Map<string, string>();
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const records = await readAll(`${cluster.url}${path}/kill`, partition);
      expect(records.map(([offset]) => offset)).toEqual(records.map((_, i) => i));
      const values = records.map(([, value]) => value);
      expect(new Set(values).size).toBe(values.length);
      for (const [offset, value] of records) seen.set(`${partition}/${offset}`, value);
    }
    for (const [place, value] of acknowledged) expect([place, seen.get(place)]).toEqual([place, value]);
  } finally {
    await cluster.stop('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
}, 120_000);
