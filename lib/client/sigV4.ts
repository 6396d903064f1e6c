import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { SignatureV4 } from '@smithy/signature-v4';
import { refusal } from './clientError.ts';
import type { ConnectionOptions } from './connection.ts';

export interface SigV4Options {
  /**
   * Of the API, for all URLs. Unless given, each request's URL tells it, `https://….execute-api.<region>.amazonaws.com`: so of a cluster of
   * several regions give their own URLs, and no region. A domain of your own tells none, and one region's signature is refused by all others.
   */
  readonly region?: string;
  /** As the AWS SDK finds them, unless given: environment, profile, role. */
  readonly credentials?: ConstructorParameters<typeof SignatureV4>[0]['credentials'];
}

/**
 * Signs requests to a deployment on AWS (SigV4), for the client's option `requestSigner`. For Node. Each attempt is refused with
 * INVALID_CONFIG if neither `region` nor the URL tells the region.
 */
export function sigV4Signer({
  region,
  credentials = defaultProvider(),
}: SigV4Options = {}): NonNullable<ConnectionOptions['requestSigner']> {
  return async ({ method, url, headers, body }) => {
    const { protocol, hostname, host, pathname, searchParams } = new URL(url);
    const signer = new SignatureV4({
      service: 'execute-api',
      region: region ?? regionOf(hostname),
      credentials,
      sha256: Sha256,
    });
    const query = Object.fromEntries(
      [...new Set(searchParams.keys())].map((name) => [name, searchParams.getAll(name)]),
    );
    const request = {
      method,
      protocol,
      hostname,
      path: pathname,
      query,
      headers: { ...headers, host },
      body,
    };
    const { headers: signed } = await signer.sign(request);
    // `fetch` sets it by itself, the same.
    const { host: _, ...rest } = signed;
    return rest;
  };
}

function regionOf(hostname: string): string {
  const [, region] = /\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$/.exec(hostname) ?? [];
  if (region !== undefined) return region;
  throw refusal('INVALID_CONFIG', `'${hostname}' does not tell its region: give the option region`, 'region');
}

/** As the signer wants it. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash =
      secret === undefined ? createHash('sha256') : createHmac('sha256', secret as NodeJS.ArrayBufferView);
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    throw new Error('it is used once');
  }
}
