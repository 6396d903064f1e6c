import assert from 'node:assert/strict';
import { FormatRegistry, type TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';
import type { HttpResult } from '../../functions/handler.ts';
import type { Operation } from '../../lib/rest/operation.ts';

FormatRegistry.Set('date-time', (text) => !Number.isNaN(Date.parse(text)));

/** Of an answer, in Lambda's JSON: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_ANSWER_BYTES = 6 * 1024 * 1024;

/** A function's answer is no fault of ours, of a form that its operation describes, and one that Lambda takes. */
export function checkAnswer(result: HttpResult, operation: Operation | undefined): void {
  const { statusCode, isBase64Encoded } = result;
  const body = isBase64Encoded ? Buffer.from(result.body as string, 'base64').toString() : result.body;
  const shown = `${statusCode} ${String(body).slice(0, 1_000)}`;
  assert(statusCode >= 200 && statusCode < 500, shown);
  const bytes = Buffer.byteLength(JSON.stringify(result));
  assert(bytes <= MAX_ANSWER_BYTES, `The answer has ${bytes} bytes`);
  if (statusCode >= 400) checkError(statusCode, String(body));
  else checkDeclared(result, operation, body);
}

function checkDeclared(
  { statusCode, headers, isBase64Encoded }: HttpResult,
  operation: Operation | undefined,
  body: HttpResult['body'],
): void {
  const declared = operation?.answers[statusCode];
  if (operation !== undefined) assert(declared !== undefined, `It is not said that it answers ${statusCode}`);
  if (declared === undefined || declared === 'empty') {
    assert.equal(body, undefined);
    return;
  }
  const type = headers['content-type'];
  const schema = declared[type ?? ''];
  assert(schema !== undefined, `It is not said that it answers ${type}`);
  if (schema === 'binary') assert(isBase64Encoded);
  else for (const document of documents(String(body))) checkShape(schema, document);
}

/** The reports of several records come one to a line; those of records that failed are errors. */
function documents(body: string): unknown[] {
  const reports = body.split('\n').map((line) => JSON.parse(line));
  return reports.filter(({ error_code = 200 }) => error_code === 200);
}

const checks = new WeakMap<TSchema, TypeCheck<TSchema>>();

function checkShape(schema: TSchema, document: unknown): void {
  const check = checks.get(schema) ?? TypeCompiler.Compile(schema);
  checks.set(schema, check);
  if (check.Check(document)) return;
  const error = check.Errors(document).First();
  assert.fail(`${error?.path}: ${error?.message}`);
}

/** REST Proxy's form, whose code begins with the status. */
export function checkError(status: number, body: string): void {
  const { error_code, message, retriable } = JSON.parse(body);
  assert(String(error_code).startsWith(String(status)), `${status} has error_code ${error_code}`);
  assert(typeof message === 'string' && message !== '', `There is no message: ${body}`);
  assert.equal(typeof retriable, 'boolean');
}
