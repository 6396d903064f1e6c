import { Annotations } from 'aws-cdk-lib';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { HTTP_FUNCTIONS } from '../functions/manifest.ts';
import type { Gateway } from './gateway.ts';
import { httpApi } from './httpApi.ts';
import { privateApi } from './privateApi.ts';
import { WadiFunction, type WadiFunctionOptions } from './wadiFunction.ts';
import type { WadiStorage } from './wadiStorage.ts';

/** An issuer of tokens (OpenID Connect); a caller's principal is its token's `sub`. */
export interface Jwt {
  /** As in the tokens' `iss`; its keys are found at `<issuer>/.well-known/openid-configuration`. */
  readonly issuer: string;
  /** A token's `aud` (or `client_id`) is one of these. */
  readonly audience: readonly string[];
}

/**
 * Who may call the API: with `iam`, requests signed (SigV4) by an identity that is allowed `execute-api:Invoke`; with a `Jwt`, those
 * with a token (`Authorization: Bearer …`); with `none`, anyone who knows the URL may read, write and delete everything.
 */
export type Authorization = 'iam' | 'none' | Jwt;

export interface WadiApiProps extends WadiFunctionOptions {
  readonly storage: WadiStorage;
  /** Of maintenance. */
  readonly queue: IQueue;
  /** `iam` unless given. */
  readonly authorization?: Authorization;
  /**
   * Kafka's `super.users`: they may do everything, whatever ACLs say. `User:<ARN>` of an IAM user or role
   * (`arn:aws:iam::<account>:role/<name>`, without its path), or `User:<sub>` of a token. Nobody unless given: then everyone whom the API
   * lets in may change ACLs and quotas, until an ACL is about the cluster.
   */
  readonly superUsers?: readonly string[];
  /**
   * Kafka's `allow.everyone.if.no.acl.found`: what no ACL is about is everyone's whom the API lets in; but for the administration of the
   * cluster, where there are super users. True unless given.
   */
  readonly allowEveryoneIfNoAclFound?: boolean;
  /**
   * VPC endpoints (`vpce-…`, of `execute-api`) through which alone the API can be reached: it is a private REST API then, and takes
   * neither tokens nor calls of browsers from other origins. The internet can reach it unless given.
   */
  readonly privateVpcEndpointIds?: readonly string[];
  /** Origins of pages that may call the API from a browser (`https://app.example`), or `*`. None unless given. */
  readonly corsAllowOrigins?: readonly string[];
  /** Requests a second that the API takes from all callers together; above that it answers 429. 2,000 unless given. */
  readonly throttlingRateLimit?: number;
  /** How many more at once it takes after a pause. 2,000 unless given. */
  readonly throttlingBurstLimit?: number;
  /**
   * How many requests to append may be at work at once: so many of the account's concurrency are kept for them, whatever else goes on, and no
   * more are had. All that is left of it, together with all other functions, unless given.
   */
  readonly produceConcurrency?: number;
  /**
   * How many fetches may be at work or wait at once, and how many calls of consumer instances: so many are kept for each of the two, and
   * no more are had, so that long polls leave the rest to appends. As `produceConcurrency` unless given.
   */
  readonly pollConcurrency?: number;
  /** How long the access log is kept, which has a line of JSON for each request; three months unless given. */
  readonly accessLogRetention?: RetentionDays;
}

const EVERYONE_ADMINISTERS = 'everyone whom the API lets in may create and delete ACLs and quotas';
const NOBODY_ADMINISTERS = 'nobody may do anything, but for what ACLs that are there already allow';
const NAME_THEM = 'Name those who may do everything: User:<ARN>, or User:<sub> of a token';

/** The API and the functions behind it: what can be replaced at any time. */
export class WadiApi extends Construct {
  /** Without a slash at its end. */
  readonly url: string;
  readonly metrics: Gateway['metrics'];
  /** By their names in the manifest. */
  readonly functions: ReadonlyMap<string, WadiFunction>;

  constructor(scope: Construct, id: string, props: WadiApiProps) {
    super(scope, id);
    const { superUsers = [], allowEveryoneIfNoAclFound = true, privateVpcEndpointIds = [] } = props;
    const concurrencies = concurrenciesOf(props);
    if (props.authorization !== 'none' && superUsers.length === 0) {
      const so = allowEveryoneIfNoAclFound ? EVERYONE_ADMINISTERS : NOBODY_ADMINISTERS;
      Annotations.of(this).addWarningV2('wadi:noSuperUsers', `superUsers is empty: ${so}. ${NAME_THEM}`);
    }
    const environment = {
      WADI_SUPER_USERS: superUsers.join(';'),
      WADI_ALLOW_EVERYONE_IF_NO_ACL_FOUND: String(allowEveryoneIfNoAclFound),
    };
    const functions = new Map(
      HTTP_FUNCTIONS.map((spec) => [
        spec.name,
        new WadiFunction(this, spec.name, { ...props, ...concurrencies[spec.name], spec, environment }),
      ]),
    );
    this.functions = functions;
    const { url, metrics } =
      privateVpcEndpointIds.length > 0
        ? privateApi(this, 'PrivateApi', { ...props, functions })
        : httpApi(this, 'HttpApi', { ...props, functions });
    this.url = url;
    this.metrics = metrics;
  }
}

/** By function, of those that have their own. */
function concurrenciesOf({
  produceConcurrency,
  pollConcurrency,
  reserveConcurrency = true,
}: WadiApiProps): Readonly<Record<string, { readonly concurrency: number }>> {
  if ((produceConcurrency ?? pollConcurrency) !== undefined && !reserveConcurrency) {
    throw new Error('produceConcurrency and pollConcurrency are reserved: not with reserveConcurrency=false');
  }
  const append = produceConcurrency !== undefined && { produce: { concurrency: produceConcurrency } };
  const poll = pollConcurrency !== undefined && {
    fetch: { concurrency: pollConcurrency },
    consumers: { concurrency: pollConcurrency },
  };
  return { ...append, ...poll };
}
