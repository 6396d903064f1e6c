/** Kafka's name for who says nothing of who it is. */
export const ANONYMOUS = 'User:ANONYMOUS';

/** What API Gateway tells of a caller that it has authenticated (payload format 2.0), as far as it is read here. */
export interface HttpAuthorizer {
  /** Of a request that was signed (SigV4). */
  readonly iam?: { readonly userArn?: string | null } | undefined;
  /** Of one with a token. */
  readonly jwt?: { readonly claims: Readonly<Record<string, unknown>> } | undefined;
}

/**
 * The principal that ACLs name:
 *
 * - of a token, `User:<sub>`, the subject that its issuer knows the caller by;
 * - of a signed request, `User:<ARN>` of the IAM user or role. A role is assumed in sessions: all of them are the role's,
 *   `arn:aws:iam::<account>:role/<name>`, without the role's path, which the session's ARN does not tell;
 * - of any other, `User:ANONYMOUS`.
 */
export function principalOf({ iam, jwt }: HttpAuthorizer = {}): string {
  const subject = jwt?.claims.sub;
  if (typeof subject === 'string' && subject !== '') return `User:${subject}`;
  return iam?.userArn ? `User:${roleOfSession(iam.userArn)}` : ANONYMOUS;
}

function roleOfSession(arn: string): string {
  const [, partition, account, role] = /^arn:([\w-]+):sts::(\d+):assumed-role\/([^/]+)\//.exec(arn) ?? [];
  return role === undefined ? arn : `arn:${partition}:iam::${account}:role/${role}`;
}
