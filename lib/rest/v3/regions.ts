import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { type InSync, type RegionState, stateOf } from '../../replication/inSync.ts';
import type { Region } from '../../replication/region.ts';
import type { Wadi } from '../../wadi.ts';
import { HttpError } from '../errors.ts';
import type { HttpRequest, Operation } from '../operation.ts';
import { CLUSTER, ClusterParams } from '../paths.ts';
import { paramsReader } from '../request.ts';
import { JSON_TYPE, json } from '../response.ts';
import {
  clusterPlace,
  list,
  listSchema,
  metadata,
  part,
  Relationship,
  related,
  resourceSchema,
} from './resource.ts';

const REGIONS = `${CLUSTER}/regions`;
const KIND = 'KafkaRegion' as const;
const OWN = "Wadi's own. A region is a broker, and which are in sync is the same for all topics.";

const STATES = { 'in-sync': 'in_sync', joining: 'joining', out: 'out' } as const satisfies Record<
  RegionState,
  string
>;

const RegionParams = Type.Object({
  ...ClusterParams.properties,
  region_name: Type.String({ description: 'The name of the region, as `eu-central-1`.' }),
});

const RegionData = resourceSchema(KIND, {
  cluster_id: Type.String(),
  name: Type.String({ description: "The broker's rack." }),
  broker_id: Type.Integer(),
  state: Type.Union(
    Object.values(STATES).map((state) => Type.Literal(state)),
    {
      description:
        '`in_sync`: has all that was acknowledged with acks=all, and counts for min.insync.replicas. `joining`: is given all that is appended, and catches up on what was before. `out`: is given nothing, for it failed or lagged; it is looked at again from time to time.',
    },
  ),
  since_ms: Type.Union([Type.Integer(), Type.Null()], {
    description: 'Since when, in ms since the Unix epoch; null of a region that was never in sync.',
  }),
  since_epoch: Type.Union([Type.Integer(), Type.Null()], {
    description: 'The epoch of the in-sync set that it is in that state from.',
  }),
  in_sync_epoch: Type.Integer({ description: 'Counts the changes of the in-sync set: the same for all.' }),
  is_local: Type.Boolean({ description: 'It is the one that answers.' }),
  url: Type.Union([Type.String(), Type.Null()], { description: 'Of its API, if it is known.' }),
  broker: Relationship,
});

function regionData(
  wadi: Wadi,
  request: HttpRequest,
  inSync: InSync,
  { id, name, url }: Region,
): Static<typeof RegionData> {
  const cluster = clusterPlace(wadi, request);
  const standing = inSync.regions.get(name);
  return {
    kind: KIND,
    metadata: metadata(part(cluster, `regions/${encodeURIComponent(name)}`, `region=${name}`)),
    cluster_id: cluster.clusterId,
    name,
    broker_id: id,
    state: STATES[stateOf(inSync, name)],
    since_ms: standing?.sinceMs ?? null,
    since_epoch: standing?.sinceEpoch ?? null,
    in_sync_epoch: inSync.epoch,
    is_local: name === wadi.replication?.local.name,
    url: url ?? null,
    broker: related(cluster, `brokers/${id}`),
  };
}

const regionParams = paramsReader(RegionParams);
const tag = 'Region (v3)';

export const regionOperations: readonly Operation[] = [
  {
    id: 'listRegions',
    method: 'GET',
    path: REGIONS,
    summary: 'List Regions',
    description: `${OWN} A cluster of one region has none to list.`,
    tag,
    params: ClusterParams,
    answers: { 200: { [JSON_TYPE]: listSchema(KIND, RegionData) } },
    errors: ['KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const { replication } = wadi;
      const self = `${clusterPlace(wadi, request).url}/regions`;
      if (replication === undefined) return json(200, list(KIND, self, []));
      const inSync = await replication.inSync();
      const data = replication.regions.map((region) => regionData(wadi, request, inSync, region));
      return json(200, list(KIND, self, data));
    },
  },
  {
    id: 'getRegion',
    method: 'GET',
    path: `${REGIONS}/{region_name}`,
    summary: 'Get Region',
    description: OWN,
    tag,
    params: RegionParams,
    answers: { 200: { [JSON_TYPE]: RegionData } },
    errors: ['KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const { region_name } = regionParams(request);
      const region = wadi.replication?.regions.find(({ name }) => name === region_name);
      if (wadi.replication === undefined || region === undefined) {
        throw new HttpError(404, `Region ${region_name} cannot be found.`, { field: 'region_name' });
      }
      return json(200, regionData(wadi, request, await wadi.replication.inSync(), region));
    },
  },
];
