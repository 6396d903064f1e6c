import * as Type from '@sinclair/typebox/type';
import type { MemberConfig, MemberState } from '../../group/groups.ts';
import { HttpError } from '../errors.ts';
import { preferredType } from '../media.ts';
import type { HttpRequest, HttpResponse, Operation } from '../operation.ts';
import { queryReader } from '../request.ts';
import { JSON_TYPE, V2_TYPE } from '../response.ts';
import { FORMATS } from './format.ts';
import { idempotencyKey } from './idempotencyKey.ts';
import { illegalState } from './illegalState.ts';
import { MAX_WAIT_MS } from './limits.ts';
import { type ConsumerPage, createPage } from './page.ts';
import { INSTANCE, InstanceParams, memberName, tag } from './paths.ts';

const MAX_BYTES = 4 * 1024 * 1024;

const ConsumerRecord = Type.Object(
  {
    topic: Type.String(),
    key: Type.Unknown({
      description: 'As `format` says: base64, any JSON value, or text; null if there is none.',
    }),
    value: Type.Unknown({ description: 'The same.' }),
    partition: Type.Integer(),
    offset: Type.Integer(),
    timestamp: Type.Integer({ description: 'In ms since the Unix epoch; -1 if the record has none.' }),
    headers: Type.Optional(
      Type.Array(
        Type.Object({
          key: Type.String(),
          value: Type.Union([Type.String({ contentEncoding: 'base64' }), Type.Null()]),
        }),
        { description: 'Absent if there are none.' },
      ),
    ),
  },
  { title: 'ConsumerRecord' },
);

const PollQuery = Type.Object({
  timeout: Type.Optional(
    Type.Integer({
      description: `How long to wait for records, in ms, up to ${MAX_WAIT_MS}; \`consumer.request.timeout.ms\` of the instance if absent, 0 or less.`,
    }),
  ),
  max_bytes: Type.Optional(
    Type.Integer({
      description:
        'Of keys and values as they were produced; `fetch.max.bytes` of the instance if absent, 0 or less. One record is answered, however large, if there is one.',
    }),
  ),
});

const readQuery = queryReader(PollQuery);
const records = Type.Array(ConsumerRecord, { title: 'ConsumerRecordList' });
const mediaTypes = [...[...FORMATS.values()].map(({ mediaType }) => mediaType), V2_TYPE, JSON_TYPE];

export const pollRecords: Operation = {
  id: 'poll',
  method: 'GET',
  path: `${INSTANCE}/records`,
  summary: 'Get the next records of an instance',
  description: [
    'Answers records behind the positions of the instance, and moves these; with `enable.auto.commit` it commits what the polls',
    'before have given. With the header `Idempotency-Key` (up to 255 characters): the key of the poll before again answers',
    'the same records again, and moves nothing, so that a client that keeps a key until an answer brings records loses nothing;',
    '409 (40909) if they are no longer there for the instance, which then goes on with another key.',
    'Keys `<text>/<number>` are in order, within one text: a copy of an earlier poll that comes late is refused in the same way,',
    'and takes nothing. `Accept` is the media type of the',
    "instance's format, or one that leaves it open. A record that is not of that format, or too large for an answer, is refused",
    '(406, 413) by an error that tells where it is, and stays the next one until the instance seeks behind it.',
  ].join(' '),
  tag,
  params: InstanceParams,
  query: PollQuery,
  answers: { 200: Object.fromEntries(mediaTypes.map((type) => [type, records])) },
  answerHeaders: {
    'Wadi-Member-Epoch': 'Of the division of partitions that the instance has its part of.',
    'Wadi-Revoking':
      'How many partitions the instance is to stop with and to confirm (`heartbeat`); absent if none.',
  },
  errors: [
    'GROUP_MAX_SIZE_REACHED',
    'INVALID_REQUEST',
    'INVALID_FETCH_SESSION_EPOCH',
    'KAFKA_STORAGE_ERROR',
    'MESSAGE_TOO_LARGE',
    'OFFSET_OUT_OF_RANGE',
    'REQUEST_TIMED_OUT',
    'UNKNOWN_MEMBER_ID',
    'FENCED_INSTANCE_ID',
  ],
  refusals: [409],
  form: 'v2',

  async handle(wadi, request, access) {
    const { timeout = 0, max_bytes = 0 } = readQuery(request);
    const { signal } = request;
    const key = idempotencyKey(request);
    const maxBytes = max_bytes > 0 ? Math.min(max_bytes, MAX_BYTES) : undefined;
    let answer: Answer | undefined;
    const state = await wadi.groups.poll(memberName(request), {
      access,
      page(config) {
        answer = answerFor(request, config, maxBytes);
        return answer.page;
      },
      ...(timeout > 0 && { maxWaitMs: Math.min(timeout, MAX_WAIT_MS) }),
      ...(maxBytes && { maxBytes }),
      ...(key && { idempotencyKey: key }),
      ...(signal && { signal }),
    });
    return response(state, answer ?? answerFor(request, state.config, maxBytes));
  },
};

interface Answer {
  readonly mediaType: string;
  readonly page: ConsumerPage;
}

/** Refuses the poll, before anything moves, if the client does not take the instance's format. */
function answerFor(request: HttpRequest, config: MemberConfig, maxBytes = config.fetchMaxBytes): Answer {
  const format = FORMATS.get(config.format)!;
  const mediaType = preferredType(request, [format.mediaType, V2_TYPE, JSON_TYPE]);
  if (mediaType === undefined) {
    const message = `The requested embedded data format does not match that of this consumer instance, ${config.format}: accept ${format.mediaType}.`;
    throw new HttpError(406, message, { errorCode: 40601, field: 'accept' });
  }
  return { mediaType, page: createPage(format, { maxRecords: config.maxPollRecords, maxBytes }) };
}

function response(state: MemberState, { mediaType, page }: Answer): HttpResponse {
  const { subscription, assigned, revoking, epoch } = state;
  if (subscription === undefined && assigned.length === 0) {
    throw illegalState(
      'Consumer is not subscribed to any topics or assigned any partitions',
      'INVALID_REQUEST',
    );
  }
  return {
    status: 200,
    headers: {
      'content-type': mediaType,
      'wadi-member-epoch': String(epoch),
      ...(revoking.length > 0 && { 'wadi-revoking': String(revoking.length) }),
    },
    body: `[${page.records.join(',')}]`,
  };
}
