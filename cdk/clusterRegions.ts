import { Stack } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** A cluster of several regions: the same in the stacks of each. */
export interface ClusterRegions {
  /**
   * Tells it from other clusters of the account: 3 to 24 of a-z, 0-9 and `-`. It can never be changed. Buckets, tables and aliases of
   * keys are named after it, since each region must know those of the others, which may not be there yet.
   */
  readonly name: string;
  /** Three, or two and a witness, of one of DynamoDB's sets. The tables are made from the first. The order is that of the brokers' ids. */
  readonly all: readonly string[];
  /** Where DynamoDB keeps what it needs to go on without one of two regions; nothing else is there. */
  readonly witness?: string;
}

/** What a region has of its own, as the others know it. */
export interface RegionNames {
  readonly region: string;
  readonly bucketName: string;
  readonly bucketArn: string;
  readonly keyAlias: string;
  readonly keyAliasArn: string;
  /** All keys of the region: its own is the one that has the alias. A policy cannot name it by that. */
  readonly keysArn: string;
}

/** Of the account that the scope is deployed to. */
export function regionNames(scope: IConstruct, { name, all }: ClusterRegions): RegionNames[] {
  const { account, partition } = Stack.of(scope);
  return all.map((region) => {
    // Nobody else's bucket may have the name: so it has the account's number in it.
    const bucketName = `${name}-${account}-${region}`;
    return {
      ...{ region, bucketName },
      bucketArn: `arn:${partition}:s3:::${bucketName}`,
      keyAlias: keyAlias(name),
      keyAliasArn: `arn:${partition}:kms:${region}:${account}:${keyAlias(name)}`,
      keysArn: `arn:${partition}:kms:${region}:${account}:key/*`,
    };
  });
}

export const keyAlias = (name: string): string => `alias/${name}`;

/** Two clusters of an account may have the same name if they have no region in common. */
export function regionalClusterId(scope: IConstruct, { name, all }: ClusterRegions): string {
  return `${name}-${Stack.of(scope).account}-${all[0]}`;
}

/** Of the rule of any bucket that brings objects to this region. */
export const ruleTo = (region: string): string => `to-${region}`;
