import type { TObject, TSchema } from '@sinclair/typebox';
import type { Access } from '../acl/access.ts';
import type { Caller } from '../acl/decide.ts';
import type { KafkaErrorName } from '../errors.ts';
import type { Wadi } from '../wadi.ts';

/** An HTTP request as the operations see it, whoever received it (API Gateway or the local server). */
export interface HttpRequest {
  readonly method: string;
  /** The path as sent, without the query. */
  readonly path: string;
  /** Decoded path parameters. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
  /** `http://host:port` by which the client reached us: the root of the links in answers. */
  readonly baseUrl: string;
  readonly caller: Caller;
  /** Aborts when the client has gone. */
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is sent as UTF-8. */
  readonly body?: string | Uint8Array;
}

/** One operation of the HTTP API: what `openapi.json` says of it, and what it does. One file per operation or family. */
export interface Operation {
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With `{name}` for path parameters, as API Gateway and OpenAPI write it. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly tag: string;
  readonly params?: TObject;
  readonly query?: TObject;
  /** Accepted request bodies by media type; `binary` is taken as it is. */
  readonly accepts?: Readonly<Record<string, TSchema | 'binary'>>;
  /** What is answered when all goes well, by status and media type. */
  readonly answers: Readonly<Record<number, Readonly<Record<string, TSchema | 'binary'>> | 'empty'>>;
  /** Headers of a good answer that say more than HTTP's own, with what they say. */
  readonly answerHeaders?: Readonly<Record<string, string>>;
  /** What can go wrong beyond what every operation shares. */
  readonly errors: readonly KafkaErrorName[];
  /** The statuses of refusals for which Kafka has no name. */
  readonly refusals?: readonly number[];
  /** Whose error codes and media types: REST Proxy v3's or v2's. */
  readonly form: 'v3' | 'v2';
  /** `access`: for what `RIGHTS` leaves to it. */
  readonly handle: (wadi: Wadi, request: HttpRequest, access: Access) => Promise<HttpResponse>;
}
