import { isIP } from 'node:net';

/** By the names of the SDK. */
export interface S3Place {
  readonly Region: string;
  readonly Bucket?: string;
  readonly Endpoint?: string;
  readonly ForcePathStyle?: boolean;
  readonly UseFIPS?: boolean;
  readonly UseDualStack?: boolean;
}

/** A name that can be part of a host's, and is covered by its certificate. */
const HOST_LABEL = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;

/** Where a bucket is: the SDK's rules, less access points, acceleration, Outposts, directory buckets and so on. */
export function s3Endpoint(place: S3Place, { dnsSuffix }: { readonly dnsSuffix: string }) {
  const { Bucket = '', Region, Endpoint, ForcePathStyle, UseFIPS, UseDualStack } = place;
  const service = `s3${UseFIPS ? '-fips' : ''}${UseDualStack ? '.dualstack' : ''}`;
  const url = new URL(Endpoint ?? `https://${service}.${Region}.${dnsSuffix}`);
  const isAddress = isIP(url.hostname.replace(/[[\]]/g, '')) > 0;
  if (!ForcePathStyle && !isAddress && HOST_LABEL.test(Bucket)) url.hostname = `${Bucket}.${url.hostname}`;
  else url.pathname = url.pathname.replace(/\/?$/, `/${Bucket}`);
  const scheme = { disableDoubleEncoding: true, name: 'sigv4', signingName: 's3', signingRegion: Region };
  return { url, properties: { authSchemes: [scheme] }, headers: {} };
}
