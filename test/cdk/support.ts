import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

/** As in a template's JSON; `P` are the properties that a test looks at. */
export interface Resource<P = unknown> {
  Type: string;
  Properties: P;
  DeletionPolicy?: string;
}

export interface Template {
  Resources: Record<string, Resource>;
  Outputs: Record<string, { Value: unknown }>;
}

export interface Synthesis {
  readonly folder: string;
  /** Of the first region, if there are several. */
  readonly api: Template;
  readonly storage: Template;
  remove(): Promise<void>;
}

/**
 * Runs the CDK app as the CDK's command line does. Without `bundle`, functions have no code, and the CDK's own check of
 * the templates, which takes most of the time, is left to the run with it.
 */
export async function synthesize(options: {
  bundle: boolean;
  context?: Record<string, unknown>;
}): Promise<Synthesis> {
  const folder = await mkdtemp(join(tmpdir(), 'wadi-cdk-'));
  const { context } = JSON.parse(await readFile(join(ROOT, 'cdk.json'), 'utf8'));
  const given = { ...context, ...options.context, ...(!options.bundle && { 'aws:cdk:bundling-stacks': [] }) };
  const env = {
    ...process.env,
    CDK_OUTDIR: folder,
    CDK_CONTEXT_JSON: JSON.stringify(given),
    CDK_VALIDATION: String(options.bundle),
  };
  const remove = () => rm(folder, { recursive: true });
  await run(process.execPath, ['cdk/app.ts'], { cwd: ROOT, env }).catch(async (error) => {
    await remove();
    throw error;
  });
  const template = async (stack: string) =>
    JSON.parse(await readFile(join(folder, `${stack}.template.json`), 'utf8')) as Template;
  const [region] = String(options.context?.regions ?? '').split(',');
  const suffix = region ? `-${region}` : '';
  return {
    folder,
    api: await template(`Wadi${suffix}`),
    storage: await template(`WadiStorage${suffix}`),
    remove,
  };
}

/** `[logical id, resource]` of all resources of a type. */
export function resourcesOf<P>(template: Template, type: string): [string, Resource<P>][] {
  const resources = Object.entries(template.Resources) as [string, Resource<P>][];
  return resources.filter(([, { Type }]) => Type === type);
}

interface FunctionProperties {
  readonly Description: string;
  readonly Role: unknown;
  readonly Code: { readonly S3Key: string };
  readonly Environment: { readonly Variables: Record<string, unknown> };
}

/** `[logical id, resource]` of the function that the manifest calls `name`. */
export function functionOf(template: Template, name: string): [string, Resource<FunctionProperties>] {
  const functions = resourcesOf<FunctionProperties>(template, 'AWS::Lambda::Function');
  return functions.find(([, { Properties }]) => Properties.Description.startsWith(`Wadi ${name}: `))!;
}

/** Of a policy. */
export interface Statement {
  Action: string | string[];
  Effect: string;
  Resource: unknown;
  Condition?: {
    StringEquals?: { 'kms:ViaService': { 'Fn::Join': [string, string[]] } };
    'ForAllValues:StringLike'?: { 'dynamodb:LeadingKeys': string[] };
  };
}

/**
 * What the role of a function allows: actions by what they are for; those of the key by the service through which it is used, too. All
 * is Allow.
 */
export function allowed(template: Template, name: string): Record<string, string[]> {
  const [, lambda] = functionOf(template, name);
  const role = getAtt(lambda.Properties.Role);
  const allowed: Record<string, string[]> = {};
  for (const { Action, Effect, Resource, Condition } of statementsOf(template, role)) {
    if (Effect !== 'Allow') throw new Error(`${name} has a statement of effect ${Effect}`);
    const service = Condition?.StringEquals?.['kms:ViaService']['Fn::Join'][1][0]?.replace('.', '');
    const keys = Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'];
    const part = service ? ` through ${service}` : keys ? ` ${keys.join().replace('/*', '')}` : '';
    const resource = resourceName(Resource) + part;
    allowed[resource] = [...new Set([...(allowed[resource] ?? []), Action].flat())].sort();
  }
  return allowed;
}

export function statementsOf(template: Template, role: string): Statement[] {
  const policies = resourcesOf<{ PolicyDocument: { Statement: Statement[] }; Roles: { Ref: string }[] }>(
    template,
    'AWS::IAM::Policy',
  ).filter(([, { Properties }]) => Properties.Roles.some(({ Ref }) => Ref === role));
  return policies.flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement);
}

export const getAtt = (value: unknown) => (value as { 'Fn::GetAtt': [string, string] })['Fn::GetAtt'][0];

/** Which of the things that a function may reach; anything else fails the test that asks. */
export function resourceName(resource: unknown): string {
  const text = JSON.stringify(resource);
  const names = {
    objects:
      /^\{"Fn::Join":\["",\[\{"Fn::ImportValue":"WadiStorage:\w*StorageObjects\w+Arn\w+"\},"\/\*"\]\]\}$/,
    bucket: /^\{"Fn::ImportValue":"WadiStorage:\w*StorageObjects\w+Arn\w+"\}$/,
    log: /^\{"Fn::ImportValue":"WadiStorage:\w*StorageLog\w+Arn\w+"\}$/,
    metadata: /^\{"Fn::ImportValue":"WadiStorage:\w*StorageMetadata\w+Arn\w+"\}$/,
    groups: /^\{"Fn::ImportValue":"WadiStorage:\w*StorageGroups\w+Arn\w+"\}$/,
    queue: /^\{"Fn::GetAtt":\["\w+MaintenanceQueue\w+","Arn"\]\}$/,
    logs: /^\{"Fn::GetAtt":\["\w+Logs\w+","Arn"\]\}$/,
    key: /^\{"Fn::ImportValue":"WadiStorage:\w*StorageKey\w+Arn\w+"\}$/,
    traces: /^"\*"$/,
  };
  return Object.entries(names).find(([, pattern]) => pattern.test(text))?.[0] ?? text;
}
