import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { EMULATOR_ACCESS } from '../support/emulators.ts';
import type { Resource, Template } from './support.ts';

export interface CloudFormation {
  /** Of S3, DynamoDB and the rest, too. */
  readonly endpoint: string;
  /** Resolves with the outputs of the stack. Throws what CloudFormation says if it does not come to be. */
  deploy(name: string, template: Template): Promise<ReadonlyMap<string, string>>;
  stop(): Promise<void>;
}

const START_MS = 20_000;
const POLL_MS = 100;
const { region, credentials } = EMULATOR_ACCESS;
const ACCOUNT = '123456789012';
const ASSETS = `cdk-hnb659fds-assets-${ACCOUNT}-${region}`;

/**
 * moto (a Python package), empty, on a free port: the one emulator of CloudFormation that runs offline. It makes buckets, tables, keys,
 * queues, roles, functions, log groups and mappings; the rest (API, alarms, schedule, policies of resources) is left out.
 */
export async function startCloudFormation(): Promise<CloudFormation | { unavailable: string }> {
  const port = await freePort();
  const server = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  const ended = new Promise<'ended'>((resolve) => {
    for (const event of ['error', 'exit']) server.once(event, () => resolve('ended'));
  });
  process.once('exit', () => server.kill());
  const endpoint = `http://127.0.0.1:${port}`;
  const stop = async () => {
    server.kill();
    await ended;
  };
  if ((await Promise.race([ended, answers(endpoint)])) !== 'answers') {
    await stop();
    return { unavailable: 'there is no moto_server to be run' };
  }
  await bootstrap(endpoint);
  return { endpoint, stop, deploy: (name, template) => deploy(endpoint, name, template) };
}

/** As far as templates ask for it: the version of `cdk bootstrap`. */
async function bootstrap(endpoint: string): Promise<void> {
  await call(
    endpoint,
    'ssm',
    JSON.stringify({ Name: '/cdk-bootstrap/hnb659fds/version', Value: '30', Type: 'String' }),
    {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'AmazonSSM.PutParameter',
    },
  );
  await withS3(endpoint, (s3) => s3.send(new CreateBucketCommand({ Bucket: ASSETS })));
}

async function deploy(endpoint: string, StackName: string, template: Template) {
  await withS3(endpoint, async (s3) => {
    for (const { Type, Properties } of Object.values(template.Resources)) {
      if (Type !== 'AWS::Lambda::Function') continue;
      const { Code } = Properties as { Code: { S3Key: string } };
      await s3.send(new PutObjectCommand({ Bucket: ASSETS, Key: Code.S3Key, Body: EMPTY_ZIP }));
    }
  });
  const TemplateBody = JSON.stringify(known(template));
  await query(endpoint, {
    Action: 'CreateStack',
    StackName,
    TemplateBody,
    'Capabilities.member.1': 'CAPABILITY_IAM',
  });
  const described = await query(endpoint, { Action: 'DescribeStacks', StackName });
  const [, status] = /<StackStatus>(\w+)</.exec(described) ?? [];
  if (status !== 'CREATE_COMPLETE') throw new Error(`${StackName} is ${status}: ${described}`);
  const outputs = described.matchAll(/<OutputKey>([^<]*)<\/OutputKey>\s*<OutputValue>([^<]*)</g);
  return new Map([...outputs].map(([, key, value]) => [key!, value!]));
}

const EMPTY_ZIP = Buffer.concat([Buffer.from('PK\x05\x06'), Buffer.alloc(18)]);

const KNOWN = new Set([
  'AWS::DynamoDB::Table',
  'AWS::IAM::Policy',
  'AWS::IAM::Role',
  'AWS::KMS::Key',
  'AWS::Lambda::EventSourceMapping',
  'AWS::Lambda::Function',
  'AWS::Logs::LogGroup',
  'AWS::S3::Bucket',
  'AWS::SNS::Topic',
  'AWS::SQS::Queue',
]);

/** What moto can make of a template: it fails with what refers to a resource that it does not know. */
function known({ Resources, Outputs, ...rest }: Template): Template {
  const made = Object.entries(Resources)
    .map(([id, resource]) => [id, table(resource)] as const)
    .filter(([, { Type }]) => KNOWN.has(Type));
  const ids = new Set(made.map(([id]) => id));
  const missing = Object.keys(Resources).filter((id) => !ids.has(id));
  const isWhole = ([, value]: readonly [string, unknown]) => {
    const text = JSON.stringify(value);
    return !missing.some((id) => text.includes(`"${id}"`));
  };
  return {
    ...rest,
    Resources: Object.fromEntries(made.filter(isWhole)),
    Outputs: Object.fromEntries(Object.entries(Outputs).filter(isWhole)),
  };
}

/** A global table of a single replica is a table. */
function table(resource: Resource): Resource {
  if (resource.Type !== 'AWS::DynamoDB::GlobalTable') return resource;
  const { Replicas, ...properties } = resource.Properties as {
    Replicas: [{ Region: unknown; SSESpecification?: object }];
    SSESpecification?: object;
  };
  const [{ Region: _, SSESpecification, ...replica }] = Replicas;
  const sse = { ...properties.SSESpecification, ...SSESpecification };
  return {
    ...resource,
    Type: 'AWS::DynamoDB::Table',
    Properties: { ...properties, ...replica, ...(properties.SSESpecification && { SSESpecification: sse }) },
  };
}

const query = (endpoint: string, parameters: Readonly<Record<string, string>>) =>
  call(endpoint, 'cloudformation', new URLSearchParams({ Version: '2010-05-15', ...parameters }), {});

/** The emulator reads of a signature only which service is meant. */
async function call(
  endpoint: string,
  service: string,
  body: string | URLSearchParams,
  headers: Record<string, string>,
) {
  const scope = `${credentials.accessKeyId}/20260101/${region}/${service}/aws4_request`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=none`;
  const response = await fetch(endpoint, { method: 'POST', headers: { ...headers, authorization }, body });
  const text = await response.text();
  if (!response.ok) throw new Error(`${service} answered ${response.status} ${text}`);
  return text;
}

async function withS3(endpoint: string, use: (s3: S3Client) => Promise<unknown>): Promise<void> {
  const s3 = new S3Client({ ...EMULATOR_ACCESS, endpoint, forcePathStyle: true });
  await use(s3).finally(() => s3.destroy());
}

async function answers(endpoint: string): Promise<string> {
  for (let waitedMs = 0; waitedMs < START_MS; waitedMs += POLL_MS) {
    const isThere = await fetch(`${endpoint}/moto-api/`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isThere) return 'answers';
    await delay(POLL_MS);
  }
  return `it did not start within ${START_MS} ms`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
