import { awsStorage } from '../../lib/storage/aws/aws.ts';
import { startClient } from '../e2e/client.ts';
import { describeEndToEnd } from '../e2e/endToEnd.ts';
import { EMULATOR_ACCESS } from '../support/emulators.ts';
import { startCloudFormation } from './cloudFormation.ts';
import { synthesize } from './support.ts';

const cloudFormation = await startCloudFormation();

if ('unavailable' in cloudFormation) {
  it.skip(`the templates were not deployed: ${cloudFormation.unavailable}`, () => {});
} else {
  const { endpoint, deploy, stop } = cloudFormation;
  let outputs: ReadonlyMap<string, string>;

  beforeAll(async () => {
    const { storage, api, remove } = await synthesize({ bundle: false });
    await remove();
    await deploy('WadiStorage', storage);
    outputs = await deploy('Wadi', api);
  });
  afterAll(stop);

  test('CloudFormation makes the stacks, and tells what one needs to use them', () => {
    const names = ['ClusterId', 'BucketName', 'LogTableName', 'MetadataTableName', 'GroupsTableName'];
    expect([...outputs.keys()].sort()).toEqual(names.sort());
    expect(outputs.get('ClusterId')).toMatch(/^[0-9a-f-]{36}-[0-9a-f]{8}$/);
  });

  describeEndToEnd('the bucket and the tables that the templates make', () =>
    startClient({
      storage: awsStorage({
        ...EMULATOR_ACCESS,
        bucket: outputs.get('BucketName')!,
        logTable: outputs.get('LogTableName')!,
        metadataTable: outputs.get('MetadataTableName')!,
        groupsTable: outputs.get('GroupsTableName')!,
        s3Endpoint: endpoint,
        dynamodbEndpoint: endpoint,
      }),
    }),
  );
}
