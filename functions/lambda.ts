import type { MiddlewareObj } from '@middy/core';
import type { Context } from 'aws-lambda';
import { systemClock } from '../lib/clock.ts';
import type { Queue } from '../lib/queue/queue.ts';
import { encodedBytes, MAX_ANSWER_BYTES } from '../lib/rest/response.ts';
import { lambdaSettings } from '../lib/settings.ts';
import { createWadi, type Wadi } from '../lib/wadi.ts';
import type { CreateHandler, HttpEvent, HttpHandler, HttpResult } from './handler.ts';

/** The queue at a URL. Only the functions that send to it carry its client along. */
export type OpenQueue = (queueUrl: string) => Promise<Queue>;

/** The handler of an HTTP function as Lambda calls it. */
export function onLambda(createHandler: CreateHandler, openQueue?: OpenQueue) {
  return opened((wadi) => forLambda(createHandler, wadi), openQueue);
}

type Handler<Event, Result> = (event: Event, context: Context) => Promise<Result>;

/** A handler as Lambda calls it. Its Wadi is opened by the first event and serves all that follow. */
export function opened<Event, Result>(
  createHandler: (wadi: Wadi) => Handler<Event, Result> | Promise<Handler<Event, Result>>,
  openQueue?: OpenQueue,
) {
  let opened: Promise<Handler<Event, Result>> | undefined;

  async function open() {
    // The local cluster loads this module too, and does without the SDK.
    const { awsStorage } = await import('../lib/storage/aws/aws.ts');
    const { clusterId, queueUrl, authorizer, ...aws } = lambdaSettings();
    const wadi = await createWadi({
      storage: awsStorage(aws),
      clock: systemClock,
      authorizer,
      ...(clusterId && { clusterId }),
      ...(queueUrl && openQueue && { queue: await openQueue(queueUrl) }),
    });
    return createHandler(wadi);
  }

  return async (event: Event, context: Context): Promise<Result> => {
    opened ??= open().catch((error) => {
      opened = undefined;
      throw error;
    });
    return (await opened)(event, context);
  };
}

/** The handler with what Lambda asks of it beyond HTTP. */
export function forLambda(createHandler: CreateHandler, wadi: Wadi): HttpHandler {
  return createHandler(wadi).use([base64(), settled(wadi)]);
}

/**
 * Lambda's answers are JSON, so bytes travel as base64; API Gateway turns them back. So does long text of which escapes
 * would make more than Lambda takes.
 */
function base64(): MiddlewareObj<HttpEvent, HttpResult> {
  return {
    after({ response }) {
      if (response?.body === undefined) return;
      const { body } = response;
      if (typeof body === 'string' && !(body.length > LONG_TEXT && encodedBytes(body).base64)) return;
      response.body = base64Of(typeof body === 'string' ? Buffer.from(body) : body);
      response.isBase64Encoded = true;
    },
  };
}

/** A character takes up to 6 bytes (`\\u0001`), so no shorter text can be too large. */
const LONG_TEXT = Math.floor(MAX_ANSWER_BYTES / 6);

const base64Of = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');

/** An environment is frozen when it has answered: what runs in the background must be done by then. */
function settled(wadi: Wadi): MiddlewareObj<HttpEvent, HttpResult> {
  return { after: () => wadi.log.settled() };
}
