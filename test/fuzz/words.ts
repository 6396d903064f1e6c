/** What goes into requests, by where it goes: values that mean something, and values that should mean nothing. */

const split = (text: string): string[] => text.trim().split(/\s+/);

/** The ends of int32, of JavaScript's integers and of int64, and what lies behind them. */
export const INTEGERS: readonly string[] =
  split(`2147483647 2147483648 -2147483648 -2147483649 4294967296 9007199254740991
  9007199254740992 9007199254740993 -9007199254740992 9223372036854775807 9223372036854775808 -9223372036854775808`);

/** Path segments as they stand in the URL. */
export const SEGMENTS: readonly string[] = [
  ...split('. .. %2e%2e %2F a%2Fb %00 %ff % %zz %C3%28 %ED%A0%80 %F0%9F%8C%8A %20 %25 %0d%0a %41'),
  ...INTEGERS,
  ...split('- -1 00 1e3 +1 0x0 1.0 NaN é 🌊 " <script> ;a=b'),
  ...split('__proto__ constructor toString records configs:alter a:b {topic_name} $default *'),
  ...['', ' ', "'", 'a'.repeat(250), 'a'.repeat(15_000), '%41'.repeat(3_000)],
];

/** Values of query parameters, some not as a URL has them. */
export const QUERY_VALUES: readonly string[] = [
  ...INTEGERS,
  ...INTEGERS.map((integer) => `orders:${integer}`),
  ...split('0 1 -1 2 10 500 20000 20001 4194304 4194305'),
  ...split('00 +1 1.5 1e3 0x10 NaN Infinity true false null earliest latest all auto json string binary'),
  ...split('orders:0 :0 :: a:9999999999 2026-05-04T10:00:00.000Z 2026-02-30T10:00:00Z 0000-01-01T00:00:00Z'),
  ...split('999999999999999 %00 % %ff %E2%82 + %2B1 __proto__ [] [0] & = #'),
  ...['', ' 1', '9'.repeat(400), 'a'.repeat(9_000)],
];

export const ACCEPTS: readonly string[] = [
  ...split(
    '*/* application/json application/* application/vnd.wadi.recordbatch application/vnd.kafka.v2+json',
  ),
  ...split('text/html application/json;q=0 application/json;q=NaN ; ,,, * a/b/c / " __proto__/x'),
  ...[' ', 'text/html, */*;q=0.1', 'application/json; a="b;c,d"'],
  ...['x/y,'.repeat(2_000), 'application/json;'.repeat(500)],
];

export const CONTENT_TYPES: readonly string[] = [
  ...split('application/json application/vnd.kafka.v2+json application/vnd.kafka.json.v2+json text/plain ;'),
  ...split('application/vnd.wadi.recordbatch application/octet-stream application/json;charset=utf-16'),
  ...split('__proto__ constructor'),
  ...[
    '',
    'APPLICATION/JSON ; charset="UTF-8"',
    'application/json; charset=',
    'multipart/form-data; boundary=x',
  ],
  ...[
    'application/json, application/json',
    `application/json;${' '.repeat(5_000)}x`,
    `a/b${';'.repeat(5_000)}`,
  ],
];

/** Of a JSON body. */
export const TEXTS: readonly string[] = [
  ...split('orders compacted fresh x 1 -1 a BINARY JSON STRING SET DELETE compact __proto__ constructor'),
  ...split('9223372036854775807 .. \u{1f30a} é'),
  ...['', ' ', '\u0000', 'a'.repeat(300)],
];

/** By the name of a member: what makes a request go through. */
export const MEANT: Readonly<Record<string, readonly unknown[]>> = {
  topic: split('orders orders compacted'),
  format: split('binary json text'),
  to: ['earliest', 'latest'],
  topic_name: split('fresh fresh.2 __proto__ constructor'),
  partitions_count: [1, 2, 3, 20],
  replication_factor: [1],
  name: split('retention.ms cleanup.policy max.message.bytes message.timestamp.type compression.type'),
  value: [...split('1 86400000 compact LogAppendTime zstd'), '', null],
  operation: ['SET', 'DELETE'],
  type: ['BINARY', 'JSON', 'STRING'],
  data: ['YQ==', 'a text', null, 1, { a: [1, 1e21] }],
  partition: [0, 1, null],
  partition_id: [0, 1, null],
  timestamp: ['2026-09-21T14:00:00Z', 1_790_000_000_000, null],
};

const nested = (open: string, close: string, depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`;

/** JSON texts that no value is written as, or that few expect, and some that are none. */
export const TOKENS: readonly string[] = [
  ...split('null true {} [] "" 0 -0 -1 1.5 1e2 1e999 -1e999 1e-999'),
  ...INTEGERS,
  ...split('123456789012345678901234567890 "\\ud800" "\\u0000" "\\udc00\\ud800" NaN 01 "\\ // undefined'),
  ...split('{"__proto__":{"polluted":true}} {"constructor":{"prototype":{"polluted":true}}} {"a":1,"a":2}'),
  ...split('{"toString":1,"valueOf":1} {"length":-1} {"type":"JSON","data":1,"data":2}'),
  ...[`"${'a'.repeat(50_000)}"`, `"${'\\u0001'.repeat(2_000)}"`, `"${'\\\\'.repeat(20_000)}"`],
  ...[
    `[${'0,'.repeat(20_000)}0]`,
    '['.repeat(30_000),
    '\ufeff',
    nested('[', ']', 30_000),
    nested('{"a":', '}', 20_000),
  ],
  `{"type":"JSON","data":${nested('[', ']', 9_000)}}`,
];

/** Pieces that go anywhere in a JSON text. */
export const PIECES: readonly string[] = [
  ...split('" { } [ ] , : \\ \\u {}{} ,, - 1e5 null "a":1, "topic_name":"b", "data":null,'),
  ...[
    ' ',
    '\n',
    '\u0000',
    '\ufeff',
    '\u2028',
    '\ud800',
    '"__proto__":{"polluted":true},',
    ' '.repeat(10_000),
  ],
];
