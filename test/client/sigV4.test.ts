import { createHash, createHmac } from 'node:crypto';
import { connect } from '../../lib/client/connection.ts';
import { sigV4Signer } from '../../lib/client/sigV4.ts';

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret', sessionToken: 'token' };
const url = 'https://abc.execute-api.eu-central-1.amazonaws.com/consumers/a%2Fb/records?timeout=5&a=x%20y';
const body = new TextEncoder().encode('{}');

const privateUrl =
  'https://abc-vpce-0123456789abcdef0.execute-api.eu-central-1.amazonaws.com/wadi/consumers/a%2Fb/records?timeout=5&a=x%20y';

/** The signature by the rules of https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
function expected(host: string, path: string, headers: Record<string, string>): string {
  const date = headers['x-amz-date']!;
  const [, names = ''] = /SignedHeaders=([^,]+)/.exec(headers.authorization!) ?? [];
  const all: Record<string, string> = { ...headers, host };
  const canonical = [
    'POST',
    path,
    'a=x%20y&timeout=5',
    ...names.split(';').map((name) => `${name}:${all[name]}`),
    '',
    names,
    createHash('sha256').update(body).digest('hex'),
  ].join('\n');
  const scope = `${date.slice(0, 8)}/eu-central-1/execute-api/aws4_request`;
  const digest = createHash('sha256').update(canonical).digest('hex');
  const parts = [date.slice(0, 8), 'eu-central-1', 'execute-api', 'aws4_request'];
  const key = parts.reduce<Buffer | string>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    'AWS4secret',
  );
  return createHmac('sha256', key).update(`AWS4-HMAC-SHA256\n${date}\n${scope}\n${digest}`).digest('hex');
}

test.each([
  ['', url, '/consumers/a%252Fb/records'],
  [', the stage of a private API with the rest of the path', privateUrl, '/wadi/consumers/a%252Fb/records'],
])('a request is signed as API Gateway asks for, its region told by its URL%s', async (_, url, path) => {
  const headers = { 'content-type': 'application/json' };
  const signed = await sigV4Signer({ credentials })({ method: 'POST', url, headers, body });
  expect(signed.authorization).toContain('Credential=AKIDEXAMPLE/');
  expect(signed.authorization).toContain('/eu-central-1/execute-api/aws4_request');
  expect(signed['x-amz-security-token']).toBe('token');
  const [, signature] = /Signature=(\w+)$/.exec(signed.authorization!) ?? [];
  expect(signature).toBe(expected(new URL(url).host, path, { ...headers, ...signed }));
});

test('a URL that tells no region needs one', async () => {
  const request = { method: 'GET', url: 'https://wadi.example/', headers: {}, body: undefined };
  await expect(sigV4Signer({ credentials })(request)).rejects.toMatchObject({
    message: "'wadi.example' does not tell its region: give the option region",
    kafka: 'INVALID_CONFIG',
    retriable: false,
  });
  const signed = await sigV4Signer({ credentials, region: 'eu-west-1' })(request);
  expect(signed.authorization).toContain('/eu-west-1/execute-api/');
});

test('of the URLs of several regions, each attempt is signed for the region that is asked', async () => {
  const urlOf = (region: string) => `https://abc.execute-api.${region}.amazonaws.com`;
  const asked: [origin: string, region: string | undefined][] = [];
  const { call } = connect({
    url: [urlOf('us-east-1'), urlOf('us-west-2')],
    requestSigner: sigV4Signer({ credentials }),
    retryBackoffMs: 1,
    fetch: async (to, init) => {
      const { authorization = '' } = init!.headers as Record<string, string>;
      asked.push([new URL(String(to)).origin, authorization.split('/')[2]]);
      return new Response('{}', { status: asked.length === 1 ? 503 : 200 });
    },
  });
  await call({ method: 'GET', path: '/x' });
  await call({ method: 'GET', path: '/x' });
  expect(asked).toEqual([
    [urlOf('us-east-1'), 'us-east-1'],
    [urlOf('us-west-2'), 'us-west-2'],
    [urlOf('us-west-2'), 'us-west-2'],
  ]);
});
