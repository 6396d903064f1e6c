import type { MemberConfig } from './groups.ts';

/** REST Proxy's of an instance where it has one, else Kafka's of a consumer. */
export const MEMBER_DEFAULTS: MemberConfig = {
  sessionTimeoutMs: 300_000,
  autoOffsetReset: 'latest',
  enableAutoCommit: true,
  autoCommitIntervalMs: 5_000,
  fetchMinBytes: 1,
  fetchMaxBytes: 1024 * 1024,
  maxPollRecords: 500,
  requestTimeoutMs: 1_000,
  groupInstanceId: undefined,
  assignor: 'uniform',
  format: 'binary',
  confirmRevocation: false,
  maxPollIntervalMs: 300_000,
};
