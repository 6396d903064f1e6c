import { ANONYMOUS } from '../rest/principal.ts';

/**
 * Who a caller of the local cluster says it is, by HTTP Basic's user name. No password is asked for: it is for trying ACLs out, on
 * one's own machine.
 */
export function basicPrincipal(authorization: string | undefined): string {
  const [, credentials] = /^Basic ([\w+/=-]+)$/i.exec(authorization ?? '') ?? [];
  if (credentials === undefined) return ANONYMOUS;
  const [user] = Buffer.from(credentials, 'base64').toString().split(':');
  return user ? `User:${user}` : ANONYMOUS;
}
