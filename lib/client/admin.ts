import { clusterOf } from './cluster.ts';
import { type ConnectionOptions, connect } from './connection.ts';
import { type GroupsAdmin, groupsAdmin } from './groupsAdmin.ts';
import { type TopicsAdmin, topicsAdmin } from './topicsAdmin.ts';

/** What operators do. Every call throws ClientError; calls are repeated while that is safe and may help. */
export interface Admin {
  readonly topics: TopicsAdmin;
  readonly groups: GroupsAdmin;
}

export function admin(options: ConnectionOptions): Admin {
  const cluster = clusterOf(connect(options));
  return { topics: topicsAdmin(cluster), groups: groupsAdmin(cluster) };
}
