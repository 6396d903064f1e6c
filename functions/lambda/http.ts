import type { Context } from 'aws-lambda';
import type { Wadi } from '../../lib/wadi.ts';
import { type CreateHandler, type HttpEvent, unopened } from '../handler.ts';
import { forLambda } from '../lambda.ts';
import { type FunctionParts, opened } from './open.ts';
import { httpEvent, type RestEvent } from './restEvent.ts';
import { measured } from './telemetry.ts';

/** The handler of an HTTP function as Lambda calls it, for an HTTP API or a REST API. */
export function onLambda(createHandler: CreateHandler, parts: FunctionParts) {
  const open = (wadi: Wadi) => {
    const handler = measured(forLambda(createHandler, wadi));
    return (event: HttpEvent | RestEvent, context: Context) =>
      handler('routeKey' in event ? event : httpEvent(event, createHandler.routes), context);
  };
  return opened(open, parts, {
    unopened: (error, event) => unopened(error, 'routeKey' in event ? event.rawPath : event.path),
  });
}
