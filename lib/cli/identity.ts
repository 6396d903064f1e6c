import type { ConnectionOptions } from '../client/connection.ts';

/** Who the command line is, to a server that asks. */
export interface Identity {
  /** HTTP Basic's user name, for the local cluster. */
  readonly user?: string;
  /** Requests are signed as AWS asks for. */
  readonly sign?: true;
  /** Of the API, for a URL that does not tell it: a domain of one's own. */
  readonly region?: string;
}

export type Credentials = Pick<ConnectionOptions, 'headers' | 'requestSigner'>;

/** What each request carries. The signer, and what it needs of the AWS SDK, is loaded only if it is asked for. */
export async function credentialsOf({ user, sign, region }: Identity): Promise<Credentials> {
  if (user !== undefined) {
    return { headers: { authorization: `Basic ${Buffer.from(`${user}:`).toString('base64')}` } };
  }
  if (!sign) return {};
  const { sigV4Signer } = await import('../client/sigV4.ts');
  return { requestSigner: sigV4Signer(region === undefined ? {} : { region }) };
}
