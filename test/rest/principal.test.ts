import { basicPrincipal } from '../../lib/local/principal.ts';
import { type HttpAuthorizer, principalOf } from '../../lib/rest/principal.ts';

const iam = (userArn: string | null): HttpAuthorizer => ({ iam: { userArn } });
const jwt = (claims: Record<string, unknown>): HttpAuthorizer => ({ jwt: { claims } });

test.each<[string, HttpAuthorizer | undefined, string]>([
  [
    'a session of a role is the role',
    iam('arn:aws:sts::123456789012:assumed-role/Billing/i-0abc'),
    'User:arn:aws:iam::123456789012:role/Billing',
  ],
  [
    'a role of another partition keeps it',
    iam('arn:aws-cn:sts::123456789012:assumed-role/Billing/me@example.com'),
    'User:arn:aws-cn:iam::123456789012:role/Billing',
  ],
  [
    'a user is the user',
    iam('arn:aws:iam::123456789012:user/anna'),
    'User:arn:aws:iam::123456789012:user/anna',
  ],
  ['a token is its subject', jwt({ sub: 'anna', scope: 'x' }), 'User:anna'],
  ['a token without a subject is nobody', jwt({ client_id: 'x' }), 'User:ANONYMOUS'],
  ['an odd subject is nobody', jwt({ sub: 7 }), 'User:ANONYMOUS'],
  ['a signature without a user is nobody', iam(null), 'User:ANONYMOUS'],
  ['no authorizer is nobody', undefined, 'User:ANONYMOUS'],
])('%s', (_, authorizer, expected) => expect(principalOf(authorizer)).toBe(expected));

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

test.each<[string | undefined, string]>([
  [basic('anna:'), 'User:anna'],
  [basic('anna:secret'), 'User:anna'],
  [basic('anna'), 'User:anna'],
  [basic(':secret'), 'User:ANONYMOUS'],
  ['Bearer abc', 'User:ANONYMOUS'],
  ['Basic', 'User:ANONYMOUS'],
  [undefined, 'User:ANONYMOUS'],
])('locally, %s is %s', (header, expected) => expect(basicPrincipal(header)).toBe(expected));
