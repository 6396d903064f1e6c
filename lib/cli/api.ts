import { ClientError } from '../client/clientError.ts';
import { clusterOf } from '../client/cluster.ts';
import { connect } from '../client/connection.ts';
import { type GroupsAdmin, groupsAdmin } from '../client/groupsAdmin.ts';
import { topicNameProblem } from '../topic/topicName.ts';
import { CliError, reasonOf } from './cliError.ts';
import { type Credentials, credentialsOf, type Identity } from './identity.ts';

/** Longer than the 30 s that API Gateway waits. */
const TIMEOUT_MS = 40_000;
/** How long a server that answers "try again" at first is tried again. */
const CONTACT_MS = 3_000;

/** The HTTP API of one cluster: of paths below `/v3/clusters/{cluster_id}`. Every call throws ClientError. */
export interface Api {
  readonly url: string;
  /** What each request carries, for those who connect by themselves. */
  readonly credentials: Credentials;
  /** Is repeated for a minute while there is no answer, or one that asks for it. */
  get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T>;
  /** The elements of a list, whatever the number of its pages. */
  list<T>(path: string): Promise<T[]>;
  /** Is not repeated if it may have been carried out. */
  send<T>(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: string, query?: Query): Promise<T>;
  readonly groups: GroupsAdmin;
}

export type Query = Readonly<Record<string, string | number>>;

export async function createApi(url: string, identity: Identity = {}): Promise<Api> {
  const root = url.replace(/\/+$/, '');
  if (!URL.canParse(root) || !/^https?:/.test(root)) throw new CliError(`'${url}' is not an HTTP URL`);
  const credentials = await credentialsOf(identity);
  const connection = connect({ url: root, requestTimeoutMs: TIMEOUT_MS, ...credentials });
  const contact = () => clusterIdAt(root, credentials);
  const id = await connection.repeat(contact, { timeoutMs: CONTACT_MS });
  const cluster = clusterOf(connection, { id });
  return {
    url: root,
    credentials,
    get: (path, query = {}, signal) => cluster.call({ method: 'GET', path, query }, { signal }),
    list: (path) => cluster.list(path),
    send: (method, path, body, query = {}) =>
      cluster.call({ method, path, query, body: body && Buffer.from(body), once: true }),
    groups: groupsAdmin(cluster),
  };
}

/** Throws CliError for a server that speaks of no cluster, or not in JSON; ClientError for one that may do so later. */
async function clusterIdAt(root: string, credentials: Credentials): Promise<string> {
  const url = `${root}/v3/clusters`;
  const { response, text } = await fetchText(url, credentials).catch((error) => {
    if (error instanceof ClientError) throw error;
    throw new CliError(`No answer from ${new URL(root).origin}: ${reasonOf(error)}`);
  });
  const document = parse(text);
  const { data, message } = (document ?? {}) as { data?: { cluster_id?: unknown }[]; message?: unknown };
  const id = Array.isArray(data) ? data[0]?.cluster_id : undefined;
  if (response.ok && typeof id === 'string') return id;
  const { status } = response;
  const told = typeof message === 'string' ? `: ${message}` : '';
  if (status === 401 || status === 403)
    throw new CliError(`${root} refuses this caller (--sign, --user)${told}`);
  if (status === 429 || status >= 500) {
    const options = { kafka: 'UNKNOWN_SERVER_ERROR', status, retriable: true, outcome: 'refused' } as const;
    throw new ClientError(`HTTP ${status} from ${url}${told}`, options);
  }
  const type = response.headers.get('content-type') ?? 'no content type';
  throw new CliError(`${root} is no Wadi: GET /v3/clusters answers ${status}, ${type}${told}`);
}

async function fetchText(
  url: string,
  { headers = {}, requestSigner }: Credentials,
): Promise<{ response: Response; text: string }> {
  const signed = await requestSigner?.({ method: 'GET', url, headers, body: undefined });
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(url, { signal, headers: { ...headers, ...signed } });
  return { response, text: await response.text() };
}

/** Of a topic, below the cluster's. A name that no topic can have must not lead elsewhere, as '..' would. */
export function topicPath(topic: string): string {
  const problem = topicNameProblem(topic);
  if (problem !== undefined) throw new CliError(`Topic name is invalid: ${problem}`);
  return `/topics/${encodeURIComponent(topic)}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
