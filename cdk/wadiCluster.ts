import { Construct } from 'constructs';
import type { AlarmOptions } from './alarm.ts';
import { BucketReplication } from './bucketReplication.ts';
import { WadiAlarms, type WadiAlarmThresholds } from './wadiAlarms.ts';
import { WadiApi, type WadiApiProps } from './wadiApi.ts';
import { WadiDashboard } from './wadiDashboard.ts';
import { WadiFailover } from './wadiFailover.ts';
import { WadiLag } from './wadiLag.ts';
import { WadiMaintenance } from './wadiMaintenance.ts';
import { WadiStorage } from './wadiStorage.ts';
import { WadiWaker } from './wadiWaker.ts';

export interface WadiClusterProps extends Omit<WadiApiProps, 'storage' | 'queue'>, AlarmOptions {
  /** The cluster's state, best kept in a stack of its own. Made inside this construct unless given. */
  readonly storage?: WadiStorage;
  /** Whether there are alarms and a dashboard, for some $8 a month. True unless given. */
  readonly alarms?: boolean;
  /** What alarms go by, where the default does not fit. */
  readonly alarmThresholds?: WadiAlarmThresholds;
}

/** A Wadi cluster in one region, or what one of several has in a region. */
export class WadiCluster extends Construct {
  readonly storage: WadiStorage;
  readonly maintenance: WadiMaintenance;
  readonly api: WadiApi;
  /** There if alarms on the lag of some consumer groups are asked for. */
  readonly lag: WadiLag | undefined;
  /** Of a cluster of eventual consistency. */
  readonly failover: WadiFailover | undefined;
  /** As in the API's paths, `/v3/clusters/{cluster_id}`. */
  readonly clusterId: string;
  /** What it was made with: so are functions that are added to it. */
  readonly props: Omit<WadiClusterProps, 'storage'>;
  /** There unless `alarms` are not wanted. */
  readonly dashboard: WadiDashboard | undefined;
  private madeWaker: WadiWaker | undefined;

  constructor(scope: Construct, id: string, { storage, ...props }: WadiClusterProps = {}) {
    super(scope, id);
    this.props = props;
    this.storage = storage ?? new WadiStorage(this, 'Storage');
    this.clusterId = this.storage.clusterId;
    this.maintenance = new WadiMaintenance(this, 'Maintenance', { ...props, storage: this.storage });
    this.api = new WadiApi(this, 'Api', { ...props, storage: this.storage, queue: this.maintenance.queue });
    if (this.storage.otherRegions.length > 0) {
      new BucketReplication(this, 'Replication', { storage: this.storage });
    }
    const inCluster = { storage: this.storage, queue: this.maintenance.queue };
    this.failover = this.storage.isEventual
      ? new WadiFailover(this, 'Failover', { ...props, ...inCluster })
      : undefined;
    const alarms = props.alarms ?? true;
    const { consumerLag = {} } = props.alarmThresholds ?? {};
    this.lag =
      alarms && Object.keys(consumerLag).length > 0
        ? new WadiLag(this, 'Lag', {
            ...props,
            ...inCluster,
            consumerLag,
          })
        : undefined;
    if (alarms) new WadiAlarms(this, 'Alarms', { ...props, cluster: this });
    this.dashboard = alarms ? new WadiDashboard(this, 'Dashboard', { cluster: this }) : undefined;
  }

  /**
   * What calls streams applications when there is something for them to read: made when the first of them asks. `undefined` where the log table's changes cannot be
   * seen: of several regions in all but the first, and with restored tables.
   */
  waker(): WadiWaker | undefined {
    const { storage, maintenance, props } = this;
    const streamArn = storage.logStreamArn();
    if (streamArn === undefined) return undefined;
    const { queue } = maintenance;
    this.madeWaker ??= new WadiWaker(this, 'Waker', { ...props, storage, queue, streamArn });
    return this.madeWaker;
  }
}
