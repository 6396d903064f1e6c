import { WadiError } from '../errors.ts';
import { type BlobRef, newBlobId, type StoredBlob } from './blob.ts';
import { asFailure, type CommitContext, commit, type PendingUnit, type UnitResult } from './commit.ts';
import { type Due, headDueAt, headUnit } from './due.ts';
import { headIndexOf } from './head.ts';
import type { LogLimits } from './limits.ts';
import type { AppendResult, Durability, LogTopic, PartitionBatches } from './log.ts';

interface Waiting {
  readonly batches: PartitionBatches;
  readonly bytes: number;
  readonly settle: (result: UnitResult) => void;
}

/** One topic's appends in this process, of one durability: those that come while an upload is under way share the next one. */
interface Gathering {
  readonly key: string;
  topic: LogTopic;
  durability: Durability;
  waiting: Waiting[];
  bytes: number;
  uploads: number;
  /** Set from the first arrival until the blob is made, so that what arrives in the same turn joins it. */
  scheduled: boolean;
}

export interface Appender {
  append(
    topic: LogTopic,
    batches: readonly PartitionBatches[],
    durability: Durability,
  ): Promise<AppendResult[]>;
}

/** `onCommitted` is told of every head that an append has moved. */
export function createAppender(
  context: CommitContext & { readonly due: Due },
  onCommitted: (topic: LogTopic, headIndex: number) => void,
): Appender {
  const { blobs, heads, clock, due, limits } = context;
  const gatherings = new Map<string, Gathering>();
  const lastCommit = new Map<string, Promise<void>>();
  let waitingBytes = 0;

  const keyOf = (topic: LogTopic, { acks, minInsyncReplicas }: Durability): string =>
    `${topic.id}/${acks}/${minInsyncReplicas}`;

  function gatheringOf(topic: LogTopic, durability: Durability): Gathering {
    const key = keyOf(topic, durability);
    const found = gatherings.get(key);
    if (found !== undefined) return found;
    const empty = { waiting: [], bytes: 0, uploads: 0, scheduled: false };
    const made: Gathering = { key, topic, durability, ...empty };
    gatherings.set(key, made);
    return made;
  }

  function enqueue(gathering: Gathering, batches: PartitionBatches): Promise<UnitResult> {
    const bytes = batches.batches.reduce((sum, batch) => sum + batch.bytes.length, 0);
    waitingBytes += bytes;
    gathering.bytes += bytes;
    return new Promise((resolve) => {
      gathering.waiting.push({
        batches,
        bytes,
        settle(result) {
          waitingBytes -= bytes;
          resolve(result);
        },
      });
    });
  }

  function schedule(gathering: Gathering): void {
    if (gathering.scheduled || gathering.waiting.length === 0) return;
    const large = gathering.bytes >= limits.largeBytes || gathering.waiting.length >= limits.blobUnits;
    if (gathering.uploads > 0 && !(large && gathering.uploads < limits.uploadsAtOnce)) return;
    gathering.scheduled = true;
    void clock.sleep(0).then(() => {
      gathering.scheduled = false;
      flush(gathering);
    });
  }

  /** Uploads one blob and commits it to its heads: after the blobs before it, so that sequences stay in order. */
  function flush(gathering: Gathering): void {
    const { key, topic, durability } = gathering;
    const taken = takeBlob(gathering, limits);
    const { chunks, byHead, bytes } = layOut(topic, taken);
    const headIndexes = [...byHead.keys()];
    const inline = bytes <= limits.inlineBytes && headIndexes.length === 1;
    const floors = headIndexes.map((index) => heads.cached(topic, index)?.floor ?? 0);
    const blob: BlobRef = { id: newBlobId(clock, Math.max(...floors) + 1), inline };

    gathering.uploads++;
    const upload = blobs
      .upload({ topic, headIndex: headIndexes[0]!, blob, chunks, durability })
      .finally(() => {
        gathering.uploads--;
        schedule(gathering);
        if (gathering.uploads === 0 && gathering.waiting.length === 0) gatherings.delete(key);
      });
    const dueAtMs = headDueAt(clock.now());
    for (const headIndex of headIndexes) {
      const members = byHead.get(headIndex)!;
      const noted = due.note(topic, headUnit(topic.id, headIndex), dueAtMs);
      const prepared = upload.then(async (stored) => noted.then(() => stored));
      // Whoever commits sees the failure, but may come to it only when the commits before are done.
      prepared.catch(() => undefined);
      inOrder(`${key}/${headIndex}`, () => commitMembers(topic, headIndex, prepared, members, durability));
    }
    schedule(gathering);
  }

  function inOrder(key: string, work: () => Promise<void>): void {
    const mine = (lastCommit.get(key) ?? Promise.resolve()).then(work);
    lastCommit.set(key, mine);
    void mine.then(() => {
      if (lastCommit.get(key) === mine) lastCommit.delete(key);
    });
  }

  async function commitMembers(
    topic: LogTopic,
    headIndex: number,
    prepared: Promise<StoredBlob>,
    members: readonly PendingUnit[],
    durability: Durability,
  ): Promise<void> {
    let blob: StoredBlob;
    try {
      blob = await prepared;
    } catch (error) {
      for (const { settle } of members) settle({ ok: false, error: asFailure(error) });
      return;
    }
    await commit(context, topic, headIndex, blob, members, durability);
    onCommitted(topic, headIndex);
  }

  return {
    async append(topic, batches, durability) {
      if (waitingBytes > limits.waitingBytes) {
        throw new WadiError('THROTTLING_QUOTA_EXCEEDED', 'Too many appends are waiting. Try again later.');
      }
      const results = batches.map((unit) =>
        unit.partition >= 0 && unit.partition < topic.partitions
          ? enqueue(gatheringOf(topic, durability), unit)
          : noPartition(topic, unit.partition),
      );
      const gathering = gatherings.get(keyOf(topic, durability));
      if (gathering !== undefined) schedule(gathering);
      const settled = await Promise.all(results);
      return settled.map((result, i): AppendResult => ({ ...result, partition: batches[i]!.partition }));
    },
  };
}

function takeBlob(gathering: Gathering, limits: LogLimits): Waiting[] {
  let count = 0;
  let bytes = 0;
  for (const { bytes: more } of gathering.waiting) {
    if (count > 0 && (bytes + more > limits.blobBytes || count === limits.blobUnits)) break;
    bytes += more;
    count++;
  }
  gathering.bytes -= bytes;
  return gathering.waiting.splice(0, count);
}

/** By partition, then in order of arrival: so that a partition's batches lie side by side, and so do a head's. */
function layOut(topic: LogTopic, taken: readonly Waiting[]) {
  const byPartition = [...taken].sort((a, b) => a.batches.partition - b.batches.partition);
  const chunks: Uint8Array[] = [];
  const byHead = new Map<number, PendingUnit[]>();
  let bytes = 0;
  for (const { batches: unit, settle } of byPartition) {
    const positions = unit.batches.map((batch) => {
      chunks.push(batch.bytes);
      bytes += batch.bytes.length;
      return bytes - batch.bytes.length;
    });
    const headIndex = headIndexOf(topic, unit.partition);
    const members = byHead.get(headIndex) ?? [];
    members.push({ unit: { ...unit, positions }, settle });
    byHead.set(headIndex, members);
  }
  return { chunks, byHead, bytes };
}

function noPartition(topic: LogTopic, partition: number): UnitResult {
  const message = `Topic '${topic.name}' has no partition ${partition}, only 0 to ${topic.partitions - 1}.`;
  return { ok: false, error: new WadiError('UNKNOWN_TOPIC_OR_PARTITION', message) };
}
