import { Annotations, App, CfnOutput, Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { alarmTopic } from './alarmTopic.ts';
import { clusterKey } from './clusterKey.ts';
import { keyAlias } from './clusterRegions.ts';
import { readSettings, type Settings } from './settings.ts';
import { nameOf, StreamsApplication } from './streamsApplication.ts';
import { WadiCluster } from './wadiCluster.ts';
import { WadiMaintenance } from './wadiMaintenance.ts';
import { WadiStorage } from './wadiStorage.ts';

/**
 * Two stacks, or two in each region: `WadiStorage` keeps what cannot be made again, `Wadi` holds what can be replaced at any time.
 *
 *     npx cdk deploy --all
 *
 * All settings are in ./settings.ts, and explained in ./README.md; they are given in ../cdk.json.
 */
const app = new App();
// A mistake of the operator is told in a line, without where in the code it was found.
process.once('uncaughtException', ({ message }) => {
  console.error(`Wadi: ${message}`);
  process.exit(1);
});
const settings = readSettings(app.node.getAllContext());
// What these have against a template ends the synthesis, unless a construct says why it is so.
Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));

if (settings.localstack) localStacks(settings);
else if (settings.regions.length > 1) regionalStacks(settings);
else stacks(settings);

/** Of the region that the CDK's command line finds in the environment, unless one is given. */
function stacks(settings: Settings): void {
  const { storageStack, stack } = pair(settings.regions[0]);
  serve(stack, new WadiStorage(storageStack, 'Storage', settings.storage), settings);
}

/** One cluster of several regions. The command line deploys stacks in the order of what they depend on, whatever their region. */
function regionalStacks(settings: Settings): void {
  const {
    regions: all,
    witnessRegion: witness,
    clusterName: name = 'wadi',
    consistency = 'strong',
  } = settings;
  const regions = { name, all, consistency, ...(witness && { witness }) };
  const pairs = all.map((region) => {
    const { storageStack, stack } = pair(region);
    const storage = new WadiStorage(storageStack, 'Storage', { ...settings.storage, regions });
    return { storageStack, stack, storage };
  });
  const [first, ...others] = pairs;
  for (const { storageStack } of others) {
    first!.storageStack.addStackDependency(storageStack, 'tables are encrypted with the keys of all regions');
  }
  const { customerKey = true } = settings.storage;
  if (consistency === 'eventual' && witness && customerKey) {
    const witnessStack = storageStackOf(witness);
    clusterKey(witnessStack, 'Key', keyAlias(name));
    first!.storageStack.addStackDependency(witnessStack, 'as above');
  }
  for (const { stack, storage } of pairs) {
    for (const { storageStack } of pairs) {
      stack.addStackDependency(storageStack, 'functions use all buckets, and a replica of each table');
    }
    serve(stack, storage, settings);
  }
}

function serve(stack: Stack, storage: WadiStorage, { cluster: props, streams, ...settings }: Settings): void {
  const topic = alarmTopic(stack, 'AlarmTopic', { ...settings, key: storage.key });
  const cluster = new WadiCluster(stack, 'Cluster', {
    storage,
    ...props,
    ...(topic && { alarmTopic: topic }),
  });
  for (const [entry, options] of Object.entries(streams)) {
    new StreamsApplication(stack, `Streams-${nameOf(entry)}`, { cluster, entry, ...options });
  }
  const { api, clusterId, failover } = cluster;
  tell(stack, {
    ...{ Url: api.url, ClusterId: clusterId },
    ...namesOf(storage),
    ...(failover && { FailoverFunctionName: failover.failover.function.functionName }),
  });
}

/**
 * What LocalStack has for nothing: no HTTP API, so the local cluster serves it over this bucket and these tables, whose names are
 * those it looks for.
 */
function localStacks({ storage: { restoreWindow }, cluster: { logRetention }, leftOut }: Settings): void {
  const { storageStack, stack } = pair();
  if (leftOut.length > 0) {
    Annotations.of(stack).addWarningV2(
      'wadi:localstack',
      `without effect on LocalStack: ${leftOut.join(', ')}`,
    );
  }
  const storage = new WadiStorage(storageStack, 'Storage', {
    name: 'wadi',
    customerKey: false,
    ...(restoreWindow && { restoreWindow }),
  });
  new WadiMaintenance(stack, 'Maintenance', { storage, ...(logRetention && { logRetention }) });
  tell(stack, namesOf(storage));
}

function pair(region?: string): { storageStack: Stack; stack: Stack } {
  return {
    storageStack: storageStackOf(region),
    stack: stackOf('Wadi', 'Wadi: the API, maintenance, and their functions', false, region),
  };
}

function storageStackOf(region?: string): Stack {
  return stackOf('WadiStorage', 'Wadi: the records, their order, and how far groups have read', true, region);
}

function stackOf(name: string, description: string, terminationProtection: boolean, region?: string): Stack {
  return new Stack(app, region ? `${name}-${region}` : name, {
    ...{ stackName: name, description, terminationProtection },
    ...(region && { env: { region } }),
  });
}

function namesOf({ objects, log, metadata, groups }: WadiStorage) {
  return {
    BucketName: objects.bucketName,
    LogTableName: log.tableName,
    MetadataTableName: metadata.tableName,
    GroupsTableName: groups.tableName,
  };
}

function tell(stack: Stack, outputs: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(outputs)) new CfnOutput(stack, name, { value });
}
