import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { awsStorage } from '../../lib/storage/aws/aws.ts';
import { StorageError } from '../../lib/storage/ports.ts';
import { EMULATOR_ACCESS } from '../support/emulators.ts';

/** How a service behaves that no emulator imitates: one answer per attempt, the last one for all that follow. */
type Answer = (response: ServerResponse) => void;

const json =
  (status: number, type: string): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}` }));
  };
const xml =
  (status: number, code: string): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(`<Error><Code>${code}</Code></Error>`);
  };
const throttled = json(400, 'ProvisionedThroughputExceededException');
const broken = json(500, 'InternalServerError');
const cutOff: Answer = (response) => response.socket?.destroy();
const halfAnswer: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' });
  response.end('{"Attributes": {"pk": {"S"');
};

describe('a call that the service does not answer as it should', () => {
  let answers: Answer[] = [];
  const server = createServer((request, response) => {
    request.resume().once('end', () => (answers.length > 1 ? answers.shift()! : answers[0]!)(response));
  });
  let storage: ReturnType<typeof awsStorage>;

  beforeAll(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    storage = awsStorage({
      ...EMULATOR_ACCESS,
      bucket: 'bucket',
      logTable: 'log',
      metadataTable: 'metadata',
      groupsTable: 'groups',
      s3Endpoint: endpoint,
      dynamodbEndpoint: endpoint,
    });
  });
  afterAll(async () => {
    await storage.close();
    server.closeAllConnections();
    server.close();
  });

  const update = () => storage.log.update({ pk: 'p', sk: 's' }, [{ set: ['n'], to: 1 }]);
  const put = () => storage.objects.put('key', [new Uint8Array(3)]);

  it.each<[string, 'no' | 'unknown', Answer[], () => Promise<unknown>]>([
    ['throttled each time', 'no', [throttled], update],
    ['an internal error each time', 'unknown', [broken], update],
    ['cut off each time', 'unknown', [cutOff], update],
    ['cut off, then throttled', 'unknown', [cutOff, throttled], update],
    ['throttled, then cut off', 'unknown', [throttled, cutOff], update],
    ['applied, but the answer is not whole', 'unknown', [halfAnswer], update],
    ['S3 asks to slow down', 'no', [xml(503, 'SlowDown')], put],
    ['S3 fails inside', 'unknown', [xml(500, 'InternalError')], put],
    ['S3 cuts off', 'unknown', [cutOff], put],
  ])('may have been applied or not: %s: %s', async (_case, applied, behaviour, call) => {
    answers = [...behaviour];
    const error = await call().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ applied });
  });

  it.each<[string, Answer, () => Promise<unknown>]>([
    ['ValidationException', json(400, 'ValidationException'), update],
    ['ResourceNotFoundException', json(400, 'ResourceNotFoundException'), update],
    ['AccessDeniedException', json(400, 'AccessDeniedException'), update],
    ['NoSuchBucket', xml(404, 'NoSuchBucket'), put],
  ])('is no matter of trying again: %s', async (name, answer, call) => {
    answers = [answer];
    const error = await call().catch((reason: unknown) => reason);
    expect(error).not.toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ name });
  });

  it('is tried again by itself, and answered', async () => {
    answers = [throttled, (response) => response.end('{"Attributes": {"pk": {"S": "p"}, "sk": {"S": "s"}}}')];
    expect(await update()).toEqual({ applied: true, item: { pk: 'p', sk: 's' } });
  });

  it('waits for keys that a batch leaves, but not for ever', async () => {
    answers = [
      (response) =>
        response.end('{"UnprocessedKeys": {"log": {"Keys": [{"pk": {"S": "p"}, "sk": {"S": "s"}}]}}}'),
    ];
    const error = await storage.log.getMany([{ pk: 'p', sk: 's' }]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StorageError);
  });
});
