import type { MemberConfig, MemberState, PartitionName } from './groups.ts';
import { type Held, isHeld, type Member } from './member.ts';

/** Kafka's `group.consumer.heartbeat.interval.ms`, and several to a session. */
const HEARTBEAT_MS = 5_000;
const HEARTBEATS_PER_SESSION = 4;

export function heartbeatIntervalMs({ sessionTimeoutMs }: MemberConfig): number {
  return Math.min(HEARTBEAT_MS, Math.ceil(sessionTimeoutMs / HEARTBEATS_PER_SESSION));
}

/** What a member is told. */
export function stateOf(member: Member): MemberState {
  const { memberId, config, subscription, epoch, held } = member;
  const name = ({ topic, partition }: Held): PartitionName => ({ topic, partition });
  return {
    ...{ memberId, config, subscription, epoch },
    assigned: held
      .filter((each) => isHeld(member, each))
      .map((each) => ({ ...name(each), position: each.position })),
    pending: held.filter((each) => !isHeld(member, each)).map(name),
    revoking: held.filter(({ revokeByMs }) => revokeByMs > 0).map(name),
    heartbeatIntervalMs: heartbeatIntervalMs(config),
  };
}
