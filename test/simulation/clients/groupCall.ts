import type { WadiError } from '../../../lib/errors.ts';
import type { Groups, MemberState, PartitionName, RecordsPage } from '../../../lib/group/groups.ts';
import type {
  Given,
  GroupCall,
  GroupPartition,
  MemberCall,
  OperatorCall,
  Told,
} from '../../../lib/verify/groups/history.ts';
import type { Wadi } from '../../../lib/wadi.ts';
import { pageOf } from '../../group/support.ts';
import type { Process } from '../process.ts';
import type { Client } from './client.ts';

/** A call as its caller makes it; what came of it is noted as it ends. */
export type Asked = Ask<MemberCall> | Ask<OperatorCall>;

type Ask<C> = Omit<C, 'invokedAtMs' | 'returnedAtMs' | 'via' | 'outcome'>;

/** What is noted where it is served, as the caller may never hear of it. */
type Noted = Pick<MemberCall, 'given' | 'tried' | 'told' | 'toldAtMs'>;

/** Until it ends. */
type Open = GroupCall & {
  returnedAtMs: number;
  outcome: GroupCall['outcome'];
};

export type Came<T> =
  | { readonly is: 'ok'; readonly value: T }
  | { readonly is: 'failed' | 'unknown'; readonly error?: WadiError };

/**
 * Asks once, noted in the history. `another` may serve the same call as well: what that answers is never heard of. `work` is given
 * a place for what it gives.
 */
export async function callGroups<T>(
  client: Client,
  asked: Asked,
  work: (groups: Groups, notes: (what: Noted) => void) => Promise<T>,
  answered: (value: T) => Partial<GroupCall> = () => ({}),
): Promise<Came<T>> {
  const { world, recorder, random } = client;
  const timeoutMs = random.pick([1_000, 5_000, 30_000]);
  const begin = (process: Process) => {
    const call: Open = {
      ...asked,
      invokedAtMs: world.nowMs,
      returnedAtMs: Number.POSITIVE_INFINITY,
      via: `${process.name} for ${client.name}`,
      outcome: { is: 'unknown' },
    };
    recorder.groups.calls.push(call);
    world.trace(process.name, 'ASKED', describe(call));
    const serve = process.serve(
      ({ groups }: Wadi) => work(groups, (what) => Object.assign(call, what)),
      timeoutMs,
    );
    return { call, serve };
  };
  const twin = client.another();
  if (twin !== undefined) begin(twin);
  const { call, serve } = begin(client.anyProcess());
  const answer = await serve;
  if (answer.is === 'none') return { is: 'unknown' };
  call.returnedAtMs = world.nowMs;
  if (answer.is === 'ok') {
    Object.assign(call, { outcome: { is: 'ok' }, ...answered(answer.value) });
    world.trace(call.via, 'ANSWERED', describe(call));
    return { is: 'ok', value: answer.value };
  }
  const error = recorder.failure(answer.error);
  const is = error.retriable ? 'unknown' : 'failed';
  call.outcome = { is, error: error.kafka };
  world.trace(call.via, 'ANSWERED', describe(call));
  return { is, error };
}

export function describe({ kind, groupId, ...call }: GroupCall): string {
  const { member, key, told, given, offsets, outcome } = call as Partial<
    Extract<GroupCall, { member: string }>
  >;
  const ranges = given?.map(({ partition, from, to }) => `${partition}:${from}-${to}`);
  return [
    ...[kind, groupId, member, key && `key ${key}`],
    ...(offsets ?? []).map(({ partition, offset }) => `${partition}@${offset}`),
    ...['→', outcome!.is, outcome!.is !== 'ok' && outcome!.error],
    told && `epoch ${told.epoch} holds ${told.holds} pending ${told.pending} revoking ${told.revoking}`,
    ranges && `given ${ranges}`,
  ]
    .filter(Boolean)
    .join(' ');
}

export function idOf({ topic, partition }: PartitionName): GroupPartition {
  return `${topic}/${partition}`;
}

export function nameOf(partition: GroupPartition): PartitionName {
  const [topic, number] = partition.split('/') as [string, string];
  return { topic, partition: Number(number) };
}

export function toldBy({ memberId, epoch, assigned, pending, revoking }: MemberState): Told {
  return {
    ...{ memberId, epoch },
    holds: assigned.map(idOf),
    pending: pending.map(idOf),
    revoking: revoking.map(idOf),
  };
}

/** Makes pages of up to `most` records, and tells what the last one took. */
export function pages(most: number, gives: (given: readonly Given[]) => void): () => RecordsPage {
  return () => {
    const given: Given[] = [];
    const page = pageOf(most);
    gives(given);
    return {
      add(topic, partition, fetched, from, to) {
        const before = page.records.length;
        const added = page.add(topic, partition, fetched, from, to);
        const records = page.records.slice(before).map(([, , offset]) => offset);
        given.push({ partition: `${topic.name}/${partition}`, from, to: added.nextOffset, records });
        return added;
      },
    };
  };
}
