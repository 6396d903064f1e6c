import fc from 'fast-check';
import { anyEdit, type Edit } from './batches.ts';
import { anyRequest } from './requests.ts';
import type { HttpRequestParts } from './service.ts';

/** What a client, or what calls itself one, writes on a connection. */
export interface Script {
  /** Each is written on its own, the next a little later. */
  readonly chunks: readonly Uint8Array[];
  /** Of which every one is answered. If not given, the bytes may be no HTTP at all. */
  readonly methods?: readonly string[];
  /** How it leaves: `answered` when it has all answers, `late` after a while, the others at once. */
  readonly end: 'answered' | 'late' | 'half-close' | 'destroy' | 'reset';
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** In a request line and a header only what HTTP has for them: Node refuses the rest before anybody sees it. */
const printable = (text: string): string =>
  encodeURI(text.toWellFormed()).replaceAll(/%25([0-9a-f]{2})/gi, '%$1');

function head({ method, path, query, headers }: HttpRequestParts, framing: Record<string, string>): Buffer {
  const target = printable(query === '' ? path : `${path}?${query}`);
  const { 'content-length': _, ...rest } = headers;
  const lines = Object.entries({ host: 'wadi.test', ...rest, ...framing }).map(
    ([name, value]) => `${name}: ${printable(value).replaceAll('%20', ' ')}\r\n`,
  );
  return latin1(`${method.toUpperCase()} /${target.replace(/^\/+/, '')} HTTP/1.1\r\n${lines.join('')}\r\n`);
}

/** The body of known length, or in chunks. */
function wellFormed(request: HttpRequestParts, chunked: boolean): Buffer {
  const { body } = request;
  if (!chunked) return Buffer.concat([head(request, { 'content-length': String(body.length) }), body]);
  const middle = body.length >>> 1;
  const chunks = [body.subarray(0, middle), body.subarray(middle)]
    .filter(({ length }) => length > 0)
    .map((chunk) => Buffer.concat([latin1(`${chunk.length.toString(16)}\r\n`), chunk, latin1('\r\n')]));
  return Buffer.concat([head(request, { 'transfer-encoding': 'chunked' }), ...chunks, latin1('0\r\n\r\n')]);
}

/** What HTTP has against it: headers that contradict each other, chunks that are none, lengths that never come. */
const FRAMINGS: readonly Record<string, string>[] = [
  { 'content-length': '-1' },
  { 'content-length': '5, 6' },
  { 'content-length': '99999999999999999999' },
  { 'content-length': '1000' },
  { 'content-length': '5', 'transfer-encoding': 'chunked' },
  { 'transfer-encoding': 'gzip, chunked' },
  { 'transfer-encoding': 'chunked', trailer: 'x' },
  { 'transfer-encoding': 'identity' },
  { expect: '100-continue', 'content-length': '10' },
  { expect: '100-continue', 'content-length': '99999999' },
  { expect: 'a-miracle' },
  { upgrade: 'h2c', connection: 'upgrade' },
  { connection: 'close' },
  { host: 'a b/c?d#e' },
  { 'x-long': 'x'.repeat(20_000) },
];

const PIECES = ['\r\n\r\n', '\n', '\r', '\0', ': ', '0\r\n\r\n', 'ffffffff\r\n', 'GET / HTTP/1.0\r\n\r\n'];
const piece = fc.tuple(fc.nat(), fc.constantFrom(...PIECES)).map(
  ([at, text]): Edit =>
    (bytes) => {
      const start = at % (bytes.length + 1);
      return Buffer.concat([bytes.subarray(0, start), latin1(text), bytes.subarray(start)]);
    },
);

/** The bytes in up to four pieces, at most one of which is large. */
const cut = (bytes: Uint8Array, places: readonly number[]): Uint8Array[] => {
  const ends = [...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return ends
    .map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end))
    .filter(({ length }) => length > 0);
};

const places = fc.array(fc.nat(), { maxLength: 3 });

/** What Node's server takes up itself and never hands on. */
const isHandedOn = ({ method }: HttpRequestParts) => !['HEAD', 'CONNECT', 'X'].includes(method.toUpperCase());

const wellFormedScript = fc
  .record({
    requests: fc.array(fc.tuple(anyRequest.filter(isHandedOn), fc.boolean()), { minLength: 1, maxLength: 4 }),
    places,
  })
  .map(({ requests, places }): Script => {
    const bytes = Buffer.concat(requests.map(([request, chunked]) => wellFormed(request, chunked)));
    return { chunks: cut(bytes, places), methods: requests.map(([{ method }]) => method), end: 'answered' };
  });

const brokenScript = fc
  .record({
    requests: fc.array(
      fc.oneof(
        fc.tuple(anyRequest, fc.boolean()).map(([request, chunked]) => wellFormed(request, chunked)),
        fc
          .tuple(anyRequest, fc.constantFrom(...FRAMINGS))
          .map(([request, framing]) => Buffer.concat([head(request, framing), request.body])),
        fc.uint8Array({ maxLength: 300 }),
      ),
      { minLength: 1, maxLength: 4 },
    ),
    edits: fc.array(fc.oneof(anyEdit, piece), { maxLength: 4 }),
    places,
    end: fc.constantFrom('late', 'late', 'half-close', 'destroy', 'reset'),
  })
  .map(({ requests, edits, places, end }): Script => {
    const bytes = edits.reduce<Uint8Array>((bytes, edit) => edit(bytes), Buffer.concat(requests));
    return { chunks: cut(bytes, places), end };
  });

export const anyScript: fc.Arbitrary<Script> = fc.oneof(wellFormedScript, brokenScript);
