import { refusal } from './clientError.ts';
import type { ApiRequest, CallOptions, Connection } from './connection.ts';

/** The cluster behind a URL: paths of v3 name it by its id. */
export interface Cluster {
  /** As `Connection.call`, with a path below `/v3/clusters/{cluster_id}`. */
  call<T>(request: ApiRequest, options?: CallOptions): Promise<T>;
  /** The elements of a list, whatever the number of its pages. */
  list<T>(path: string, options?: CallOptions): Promise<T[]>;
  path(): Promise<string>;
}

interface Page<T> {
  readonly data: readonly T[];
  readonly metadata: { readonly next?: string | null };
}

/** `id`: whoever knows it spares a request. `signal` ends the question for it. */
export function clusterOf(
  connection: Connection,
  { id, signal }: { readonly id?: string; readonly signal?: AbortSignal } = {},
): Cluster {
  let known = id === undefined ? undefined : Promise.resolve(`/v3/clusters/${id}`);

  /** Asked for once, whoever needs it; and again if nobody answered. No caller's signal ends it for the others. */
  function path(): Promise<string> {
    known ??= connection
      .call<Page<{ cluster_id: string }>>({ method: 'GET', path: '/v3/clusters' }, { signal })
      .then(
        ({ data }) => `/v3/clusters/${data[0]?.cluster_id}`,
        (error) => {
          known = undefined;
          throw error;
        },
      );
    return known;
  }

  async function call<T>(request: ApiRequest, options?: CallOptions): Promise<T> {
    return connection.call<T>({ ...request, path: `${await path()}${request.path}` }, options);
  }

  return {
    path,
    call,
    async list<T>(path: string, options?: CallOptions) {
      const elements: T[] = [];
      let query: Record<string, string> | undefined = {};
      while (query !== undefined) {
        const { data, metadata }: Page<T> = await call<Page<T>>({ method: 'GET', path, query }, options);
        elements.push(...data);
        // The server may know itself by another name than this client does.
        query = metadata.next ? Object.fromEntries(new URL(metadata.next).searchParams) : undefined;
      }
      return elements;
    },
  };
}

export const topicPath = (topic: string): string => `/topics/${segment(topic, 'topic')}`;

/** A name as a part of a path. What URLs give a meaning of their own would lead elsewhere. */
export function segment(name: string, field: string): string {
  if (name !== '' && name !== '.' && name !== '..') return encodeURIComponent(name);
  const article = /^[aeiou]/.test(field) ? 'an' : 'a';
  throw refusal('INVALID_REQUEST', `'${name}' cannot be ${article} ${field}`, field);
}
