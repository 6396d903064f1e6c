import { segment } from '../client/cluster.ts';

/** Of an application, below the cluster's. */
export const applicationPath = (application: string): string =>
  `/streams/${segment(application, 'application')}`;
