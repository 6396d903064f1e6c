import { App, CfnOutput, Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { alarmTopic } from './alarmTopic.ts';
import { readSettings, type Settings } from './settings.ts';
import { WadiCluster } from './wadiCluster.ts';
import { WadiMaintenance } from './wadiMaintenance.ts';
import { WadiStorage } from './wadiStorage.ts';

/**
 * Two stacks in each region: `WadiStorage` keeps what cannot be made again, `Wadi` holds what can be replaced at any time.
 *
 *     npx cdk deploy --all                             only requests signed by an allowed AWS identity
 *     npx cdk deploy --all -c authorization=none       anyone who knows the URL, for a trial
 *
 * All settings are in ./settings.ts, and explained in ./README.md.
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
else if (settings.regions.length === 0) stacks(settings);
else for (const region of settings.regions) stacks(settings, region);

/** Of the region that the CDK's command line finds in the environment, unless one is given. */
function stacks({ storage: storageProps, cluster, ...settings }: Settings, region?: string): void {
  const { storageStack, stack } = pair(region);
  const storage = new WadiStorage(storageStack, 'Storage', storageProps);
  const topic = alarmTopic(stack, 'AlarmTopic', { ...settings, key: storage.key });
  const { api, clusterId } = new WadiCluster(stack, 'Cluster', {
    storage,
    ...cluster,
    ...(topic && { alarmTopic: topic }),
  });
  tell(stack, { Url: api.url, ClusterId: clusterId, ...namesOf(storage) });
}

/**
 * What LocalStack has for nothing: no HTTP API, so the local cluster serves it over this bucket and these tables, whose names are
 * those it looks for.
 */
function localStacks({ storage: { restoreWindow }, cluster: { logRetention } }: Settings): void {
  const { storageStack, stack } = pair();
  const storage = new WadiStorage(storageStack, 'Storage', {
    name: 'wadi',
    customerKey: false,
    ...(restoreWindow && { restoreWindow }),
  });
  new WadiMaintenance(stack, 'Maintenance', { storage, ...(logRetention && { logRetention }) });
  tell(stack, namesOf(storage));
}

function pair(region?: string): { storageStack: Stack; stack: Stack } {
  const make = (name: string, description: string, terminationProtection: boolean) =>
    new Stack(app, region ? `${name}-${region}` : name, {
      stackName: name,
      description,
      terminationProtection,
      ...(region && { env: { region } }),
    });
  return {
    storageStack: make('WadiStorage', 'Wadi: the records, their order, and how far groups have read', true),
    stack: make('Wadi', 'Wadi: the API, maintenance, and their functions', false),
  };
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
