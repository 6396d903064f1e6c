import { Type } from '@sinclair/typebox';
import { openapi } from '../openapi.ts';
import type { Operation } from '../operation.ts';
import { JSON_TYPE } from '../response.ts';

/** `GET /openapi.json`, for the operations that `served` names; they are asked for once, at the first request. */
export function openapiOperation(served: () => readonly Operation[]): Operation {
  let document: string | undefined;
  return {
    id: 'openapi',
    method: 'GET',
    path: '/openapi.json',
    summary: 'This description',
    tag: 'Service',
    answers: { 200: { [JSON_TYPE]: Type.Object({ openapi: Type.Literal('3.1.0') }, { title: 'OpenAPI' }) } },
    errors: [],
    form: 'v3',
    async handle() {
      document ??= JSON.stringify(openapi(served()));
      return { status: 200, headers: { 'content-type': JSON_TYPE }, body: document };
    },
  };
}
