import { Construct } from 'constructs';
import { WadiApi, type WadiApiProps } from './wadiApi.ts';
import { WadiMaintenance } from './wadiMaintenance.ts';
import { WadiStorage } from './wadiStorage.ts';

export interface WadiClusterProps extends Omit<WadiApiProps, 'storage' | 'queue'> {
  /** The cluster's state, best kept in a stack of its own. Made inside this construct unless given. */
  readonly storage?: WadiStorage;
}

/** A Wadi cluster in one region. */
export class WadiCluster extends Construct {
  readonly storage: WadiStorage;
  readonly maintenance: WadiMaintenance;
  readonly api: WadiApi;
  /** As in the API's paths, `/v3/clusters/{cluster_id}`. */
  readonly clusterId: string;

  constructor(scope: Construct, id: string, { storage, ...api }: WadiClusterProps = {}) {
    super(scope, id);
    this.storage = storage ?? new WadiStorage(this, 'Storage');
    this.clusterId = this.storage.clusterId;
    const { logRetention } = api;
    this.maintenance = new WadiMaintenance(this, 'Maintenance', {
      storage: this.storage,
      ...(logRetention !== undefined && { logRetention }),
    });
    this.api = new WadiApi(this, 'Api', {
      ...api,
      storage: this.storage,
      queue: this.maintenance.queue,
    });
  }
}
