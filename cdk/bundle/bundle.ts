import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '../..');

/**
 * Bundles the `handler` of a function of the manifest into one module, `<folder>/index.mjs`, and tells what is in it.
 * @param application absolute path of the module that it is made for, which is bundled with it
 */
export async function bundle(entry: string, folder: string, application?: string): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    ...(application === undefined
      ? { entryPoints: [join('functions/lambda', entry)] }
      : { stdin: { contents: madeFor(entry, application), resolveDir: ROOT } }),
    outfile: join(folder, 'index.mjs'),
    bundle: true,
    minify: true,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    plugins: [lean],
    logLevel: 'warning',
  });
  return metafile;
}

const madeFor = (entry: string, application: string): string => `
  import application from ${JSON.stringify(application)};
  import { handlerOf } from ${JSON.stringify(`./functions/lambda/${entry}`)};
  export const handler = handlerOf(application);
`;

/**
 * Parts of the AWS SDK that no call of Wadi's comes to, though imports lead to them, and what they are replaced by: half of the SDK.
 * Patterns of paths. What should be come to all the same, throws. The emulators' tests run the bundles.
 */
const STAND_INS: readonly (readonly [modules: RegExp, standIn: string])[] = [
  // Lambda hands credentials over in the environment: not in profiles, SSO, processes or instance metadata.
  [
    /@aws-sdk\/credential-provider-node\//,
    `import { fromEnv } from '@aws-sdk/credential-provider-env';
     export const defaultProvider = () => fromEnv();`,
  ],
  // Nor are there settings in files, which would be looked for by the first request.
  [
    /core\/.*\/node-config-provider\/fromSharedConfigFiles\./,
    `import { CredentialsProviderError } from '../property-provider/CredentialsProviderError';
     export const fromSharedConfigFiles = () => async () => { throw new CredentialsProviderError('no files'); };`,
  ],
  // For access points of several regions.
  [
    /\/SignatureV4MultiRegion\.js$/,
    `import { SignatureV4SignWithCredentials } from './SignatureV4SignWithCredentials';
     export class SignatureV4MultiRegion extends SignatureV4SignWithCredentials { static sigv4aDependency() { return 'none'; } }`,
  ],
  // The rules by which the SDK finds a bucket, 18 KB of them, most for buckets that Wadi has not.
  [
    /client-s3\/dist-es\/endpoint\/endpointResolver\.js$/,
    `import { partition } from '@aws-sdk/core/client';
     import { s3Endpoint } from ${JSON.stringify(join(import.meta.dirname, 's3Endpoint.ts'))};
     export const defaultEndpointResolver = (place) => s3Endpoint(place, partition(place.Region));`,
  ],
  // The same of DynamoDB: 8 KB.
  [
    /client-dynamodb\/dist-es\/endpoint\/endpointResolver\.js$/,
    `import { partition } from '@aws-sdk/core/client';
     import { dynamoDbEndpoint } from ${JSON.stringify(join(import.meta.dirname, 'dynamoDbEndpoint.ts'))};
     export const defaultEndpointResolver = (place) => dynamoDbEndpoint(place, partition(place.Region));`,
  ],
  // DynamoDB does not ask for it.
  [/@aws-sdk\/endpoint-cache\//, 'export class EndpointCache {}'],
  // Wadi lets clients choose media types, nothing else.
  [/negotiator\/lib\/(charset|encoding|language)\.js$/, 'export {}'],
  // No call that Wadi makes streams events.
  [
    /core\/.*\/event-streams\/index\./,
    `export const eventStreamSerdeProvider = () => undefined;
     export const resolveEventStreamSerdeConfig = (input) => input;
     export function EventStreamSerde() { throw new Error('not in this bundle'); }`,
  ],
];

/** The same, where it is enough that each export throws. */
const LEFT_OUT: readonly RegExp[] = [
  // Node has these.
  /\/(Md5Js|Sha256Js|Sha1Js)\.js$/,
  // A checksum that is not asked for, a way to retry that is not chosen, a look for the region on EC2.
  /\/(Crc64NvmeJs|DefaultRateLimiter|AdaptiveRetryStrategy|getInstanceMetadataRegion)\.js$/,
  // For browsers.
  /core\/.*\/util-stream\/.*\.browser\.js$/,
];

/** The errors of services that Wadi knows by their class; of the others it reads the name. */
const KNOWN_ERRORS = /^ConditionalCheckFailedException|ServiceException$/;

const lean: Plugin = {
  name: 'lean',
  setup({ onLoad }) {
    for (const [filter, contents] of STAND_INS) onLoad({ filter }, () => ({ contents, loader: 'js' }));
    for (const filter of LEFT_OUT) {
      onLoad({ filter }, async ({ path }) => ({
        contents: throwing(await readFile(path, 'utf8')),
        loader: 'js',
      }));
    }
    onLoad({ filter: /@aws-sdk\/client-[^/]+\/dist-es\/schemas\/schemas_0\.js$/ }, async ({ path }) => ({
      contents: shakable(await readFile(path, 'utf8')),
      loader: 'js',
    }));
    // Of which the SDK tells its version.
    onLoad({ filter: /@aws-sdk\/[^/]+\/package\.json$/ }, async ({ path }) => {
      const { version } = JSON.parse(await readFile(path, 'utf8'));
      return { contents: JSON.stringify({ version }), loader: 'json' };
    });
  },
};

function throwing(module: string): string {
  const names = [...module.matchAll(/^export (?:const|class|(?:async )?function) ([\w$]+)/gm)].map(
    ([, name]) => name,
  );
  return names
    .map((name) => `export function ${name}() { throw new Error('${name} is not in this bundle'); }`)
    .join('\n');
}

/**
 * Schemas of all of a service's calls, some thousand lines. esbuild keeps each because it does not see that to make one has
 * no effects (they have computed names); it is told so here.
 */
function shakable(schemas: string): string {
  return schemas
    .replace(/^(export )?var ([\w$]+) = (\[[\s\S]*?\n?\]);$/gm, '$1var $2 = /* @__PURE__ */ (() => $3)();')
    .replace(/^\w+\.registerError\([\w$]+, (\w+)\);$/gm, (statement, name) =>
      KNOWN_ERRORS.test(name) ? statement : '',
    );
}

if (import.meta.main) {
  const [entry, folder, application] = process.argv.slice(2);
  await bundle(entry!, folder!, application);
}
