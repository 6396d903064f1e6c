import type { Static, TProperties, TSchema } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import type { Wadi } from '../../wadi.ts';
import type { HttpRequest } from '../operation.ts';

/** v3's way of writing things: each has a kind, a URL (`self`), a name (`crn:`) and links to what belongs to it. */

export const Relationship = Type.Object(
  { related: Type.String({ description: 'A URL.' }) },
  { title: 'Relationship' },
);

const ResourceMetadata = Type.Object(
  { self: Type.String(), resource_name: Type.String() },
  { title: 'ResourceMetadata' },
);

const CollectionMetadata = Type.Object(
  {
    self: Type.String(),
    next: Type.Union([Type.String(), Type.Null()], {
      description: 'The URL of the next page, if there is one.',
    }),
  },
  { title: 'ResourceCollectionMetadata' },
);

export const resourceSchema = <K extends string, P extends TProperties>(kind: K, properties: P) =>
  Type.Object({ kind: Type.Literal(kind), metadata: ResourceMetadata, ...properties }, { title: kind });

export const listSchema = (kind: string, item: TSchema) =>
  Type.Object(
    { kind: Type.Literal(`${kind}List`), metadata: CollectionMetadata, data: Type.Array(item) },
    { title: `${kind}List` },
  );

/** Where a resource is: its URL and its name, from which those of its parts are made. */
export interface Place {
  readonly clusterId: string;
  readonly url: string;
  readonly crn: string;
}

export function clusterPlace(wadi: Wadi, request: HttpRequest): Place {
  const { clusterId } = wadi;
  return {
    clusterId,
    url: `${request.baseUrl}/v3/clusters/${clusterId}`,
    crn: `crn:///kafka=${clusterId}`,
  };
}

/** `part('topics/t', 'topic=t')`; parts of names that may hold any character are encoded by the caller. */
export function part(place: Place, url: string, crn: string): Place {
  return { clusterId: place.clusterId, url: `${place.url}/${url}`, crn: `${place.crn}/${crn}` };
}

export const metadata = (place: Place): Static<typeof ResourceMetadata> => ({
  self: place.url,
  resource_name: place.crn,
});

export const related = (place: Place, path: string): Static<typeof Relationship> => ({
  related: `${place.url}/${path}`,
});

export function list<K extends string, T extends { kind: K }>(
  kind: K,
  self: string,
  data: T[],
  next: string | null = null,
) {
  return { kind: `${kind}List`, metadata: { self, next }, data };
}
