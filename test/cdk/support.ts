import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { jest } from '@jest/globals';

/** A synthesis takes 2 s, or on machines that have other things to do half a minute, and some tests make several. */
jest.setTimeout(180_000);

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

/** Of one region. */
export interface Pair {
  readonly api: Template;
  readonly storage: Template;
}

export interface Synthesis extends Pair {
  readonly folder: string;
  /** By their names; that of the first is the synthesis itself. */
  readonly regions: Readonly<Record<string, Pair>>;
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
  const pair = async (suffix: string): Promise<Pair> => ({
    api: await template(`Wadi${suffix}`),
    storage: await template(`WadiStorage${suffix}`),
  });
  const names = options.context?.regions ? String(options.context.regions).split(',') : [];
  const regions: Record<string, Pair> = {};
  for (const name of names) regions[name] = await pair(`-${name}`);
  return { folder, regions, remove, ...(regions[names[0]!] ?? (await pair(''))) };
}

/** `[logical id, resource]` of all resources of a type. */
export function resourcesOf<P>(template: Template, type: string): [string, Resource<P>][] {
  const resources = Object.entries(template.Resources) as [string, Resource<P>][];
  return resources.filter(([, { Type }]) => Type === type);
}

interface FunctionProperties {
  readonly Description?: string;
  readonly Role: unknown;
  readonly Code: { readonly S3Key: string };
  readonly Environment: { readonly Variables: Record<string, unknown> };
}

/** `[logical id, resource]` of the function that the manifest calls `name`. */
export function functionOf(template: Template, name: string): [string, Resource<FunctionProperties>] {
  const functions = resourcesOf<FunctionProperties>(template, 'AWS::Lambda::Function');
  return functions.find(([, { Properties }]) => Properties.Description?.startsWith(`Wadi ${name}: `))!;
}

/** Of a policy. */
export interface Statement {
  Action: string | string[];
  Effect: string;
  Resource: unknown;
  Condition?: {
    StringEquals?: { 'kms:ViaService': string | { 'Fn::Join': [string, string[]] } };
    'ForAllValues:StringLike'?: { 'dynamodb:LeadingKeys': string[] };
    'ForAnyValue:StringEquals'?: { 'kms:ResourceAliases': string };
  };
}

/**
 * What the role of a function allows: actions by what they are for; those of the key by the service through which it is used, too, and of
 * a cluster of several regions by the region of that. All is Allow.
 */
export function allowed(template: Template, name: string): Record<string, string[]> {
  const [, lambda] = functionOf(template, name);
  const role = getAtt(lambda.Properties.Role);
  const allowed: Record<string, string[]> = {};
  for (const { Action, Effect, Resource, Condition } of statementsOf(template, role)) {
    if (Effect !== 'Allow') throw new Error(`${name} has a statement of effect ${Effect}`);
    const keys = Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'];
    const alias = Condition?.['ForAnyValue:StringEquals']?.['kms:ResourceAliases'];
    const part = keys ? ` ${keys.join().replace('/*', '')}` : '';
    const resource = resourceName(Resource) + (alias ? ` that is ${alias}` : '') + through(Condition) + part;
    allowed[resource] = [...new Set([...(allowed[resource] ?? []), Action].flat())].sort();
  }
  return allowed;
}

function through(condition: Statement['Condition']): string {
  const host = condition?.StringEquals?.['kms:ViaService'];
  if (host === undefined) return '';
  // The region is known only of a cluster of several.
  const [service, region] =
    typeof host === 'string' ? host.split('.') : [host['Fn::Join'][1][0]!.slice(0, -1)];
  return ` through ${service}${region ? ` in ${region}` : ''}`;
}

interface PolicyProperties {
  readonly PolicyDocument: { readonly Statement: Statement[] };
  readonly Roles: readonly { readonly Ref?: string }[];
}

/** Of the policies of a role. Throws for rights that it would have in any other way, which would not be seen here. */
export function statementsOf(template: Template, role: string): Statement[] {
  const { Policies, ManagedPolicyArns } = template.Resources[role]!.Properties as Record<string, unknown>;
  if (Policies || ManagedPolicyArns) throw new Error(`${role} has inline or managed policies`);
  for (const [id, { Type }] of Object.entries(template.Resources)) {
    if (Type.startsWith('AWS::IAM::') && !['AWS::IAM::Role', 'AWS::IAM::Policy'].includes(Type))
      throw new Error(`${id} may give rights as well: ${Type}`);
  }
  const policies = resourcesOf<PolicyProperties>(template, 'AWS::IAM::Policy').filter(
    ([id, { Properties }]) => {
      if (Properties.Roles.some(({ Ref }) => !Ref)) throw new Error(`${id} is of roles that are not told`);
      return Properties.Roles.some(({ Ref }) => Ref === role);
    },
  );
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
    'stream of log': /^\{"Fn::ImportValue":"WadiStorage:\w*Storage(Log|Replicatedlog)\w+StreamArn\w+"\}$/,
    log: /^\{"Fn::ImportValue":"WadiStorage:\w*StorageLog\w+Arn\w+"\}$/,
    metadata: /^\{"Fn::ImportValue":"WadiStorage:\w*StorageMetadata\w+Arn\w+"\}$/,
    groups: /^\{"Fn::ImportValue":"WadiStorage:\w*StorageGroups\w+Arn\w+"\}$/,
    queue: /^\{"Fn::GetAtt":\["\w+MaintenanceQueue\w+","Arn"\]\}$/,
    logs: /^\{"Fn::GetAtt":\["\w+Logs\w+","Arn"\]\}$/,
    key: /^\{"Fn::ImportValue":"WadiStorage:\w*StorageKey\w+Arn\w+"\}$/,
    traces: /^"\*"$/,
  };
  const found = Object.entries(names).find(([, pattern]) => pattern.test(text))?.[0];
  return found ?? resourceOfRegion(resource) ?? text;
}

/** What a cluster of several regions knows by its name. */
function resourceOfRegion(resource: unknown): string | undefined {
  const parts = (resource as { 'Fn::Join'?: [string, unknown[]] })['Fn::Join']?.[1] ?? [];
  const arn = parts
    .map((part) => (typeof part === 'string' ? part : `{${Object.values(part as object)}}`))
    .join('');
  const patterns = {
    objects: /^arn:\{AWS::Partition\}:s3:::wadi-\{AWS::AccountId\}-([a-z0-9-]+)\/\*$/,
    bucket: /^arn:\{AWS::Partition\}:s3:::wadi-\{AWS::AccountId\}-([a-z0-9-]+)$/,
    key: /^arn:\{AWS::Partition\}:kms:([a-z0-9-]+):\{AWS::AccountId\}:key\/\*$/,
    log: /^arn:\{AWS::Partition\}:dynamodb:([a-z0-9-]+):\{AWS::AccountId\}:table\/wadi-log$/,
    metadata: /^arn:\{AWS::Partition\}:dynamodb:([a-z0-9-]+):\{AWS::AccountId\}:table\/wadi-metadata$/,
    groups: /^arn:\{AWS::Partition\}:dynamodb:([a-z0-9-]+):\{AWS::AccountId\}:table\/wadi-groups$/,
  };
  for (const [name, pattern] of Object.entries(patterns)) {
    const [, region] = pattern.exec(arn) ?? [];
    if (region) return `${name} of ${region}`;
  }
  return undefined;
}
