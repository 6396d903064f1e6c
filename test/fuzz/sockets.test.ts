import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { fuzzTests } from './budget.ts';
import { play, readAnswers, socketFuzzes } from './socketProperties.ts';

fuzzTests(socketFuzzes, 2_000);

describe('what clients wrote that failed once:', () => {
  let cluster: LocalCluster;
  beforeEach(async () => {
    cluster = await startLocalCluster();
  });
  afterEach(() => cluster.close());

  const write = async (text: string) =>
    readAnswers(await play(cluster, { chunks: [Buffer.from(text)], end: 'late' }));

  test('a request that is done is not told the refusal of what follows it', async () => {
    const body = '{"topic_name":"fresh"}';
    const create = `POST /admin/topics HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const tooLong = `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`;
    expect(await write(create + tooLong)).toEqual([]);
    expect(await cluster.wadi.topics.describe('fresh')).toMatchObject({ partitions: 1 });
  });

  test.each([
    ['no HTTP', 'one\r\n\r\n', 400],
    ['a header that is too long', `GET / HTTP/1.1\r\nhost: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['a chunk that is none', 'POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nx\r\n', 400],
  ])('%s is refused in form', async (_, text, status) => {
    const [answer] = await write(text);
    expect([answer!.status, JSON.parse(answer!.body).error_code]).toEqual([status, status]);
  });
});
