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
  return {
    folder,
    api: await template('Wadi'),
    storage: await template('WadiStorage'),
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
