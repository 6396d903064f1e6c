import * as Type from '@sinclair/typebox/type';
import { openapi } from '../openapi.ts';
import type { Operation } from '../operation.ts';
import { JSON_TYPE } from '../response.ts';

/** What describes the operations that `served` names; they are asked for once, at the first request. */
export function openapiOperations(served: () => readonly Operation[]): readonly Operation[] {
  let document: string | undefined;
  const operation = (id: string, path: string, summary: string): Operation => ({
    id,
    method: 'GET',
    path,
    summary,
    tag: 'Service',
    answers: { 200: { [JSON_TYPE]: Type.Object({ openapi: Type.Literal('3.1.0') }, { title: 'OpenAPI' }) } },
    errors: [],
    form: 'v3',
    async handle() {
      document ??= JSON.stringify(openapi(served()));
      return { status: 200, headers: { 'content-type': JSON_TYPE }, body: document };
    },
  });
  return [
    operation('openapi', '/openapi.json', 'This description'),
    operation('bridgeOpenapi', '/openapi', 'This description, where Strimzi Bridge has its own'),
    operation('bridgeOpenapiV3', '/openapi/v3', 'The same'),
  ];
}
