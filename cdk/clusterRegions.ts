import { Stack } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import type { TableName } from './wadiStorage.ts';

/** A cluster of several regions: the same in the stacks of each. */
export interface ClusterRegions {
  /**
   * Tells it from other clusters of the account: 3 to 24 of a-z, 0-9 and `-`. It can never be changed. Buckets, tables and aliases of
   * keys are named after it, since each region must know those of the others, which may not be there yet.
   */
  readonly name: string;
  /**
   * Three, or two and a witness: of one of DynamoDB's sets, if consistency is strong; if it is eventual, any, and more than three, too. The tables
   * are made from the first. The order is that of the brokers' ids.
   */
  readonly all: readonly string[];
  /** Where there is what it takes to go on without one of two regions: of eventual consistency a copy of the tables, and the key of that. */
  readonly witness?: string;
  /**
   * `strong`: every region writes to the tables as to one. `eventual`: one region is home, to whose copy all write; another is made home when that is
   * lost. `strong` unless given; it can never be changed.
   */
  readonly consistency?: Consistency;
}

export type Consistency = 'strong' | 'eventual';

/** What a region has that has a copy of the tables, as the others know it. */
export interface CopyNames {
  readonly region: string;
  readonly keyAlias: string;
  readonly keyAliasArn: string;
  /** All keys of the region: its own is the one that has the alias. A policy cannot name it by that. */
  readonly keysArn: string;
  readonly tableArns: Readonly<Record<TableName, string>>;
}

/** The same of one that has all of the cluster. */
export interface RegionNames extends CopyNames {
  readonly bucketName: string;
  readonly bucketArn: string;
}

/** Of the account that the scope is deployed to. */
export function regionNames(scope: IConstruct, { name, all }: ClusterRegions): RegionNames[] {
  const { account, partition } = Stack.of(scope);
  return all.map((region) => {
    // Nobody else's bucket may have the name: so it has the account's number in it.
    const bucketName = `${name}-${account}-${region}`;
    const bucketArn = `arn:${partition}:s3:::${bucketName}`;
    return { ...copyNames(scope, name, region), bucketName, bucketArn };
  });
}

export function copyNames(scope: IConstruct, name: string, region: string): CopyNames {
  const { account, partition } = Stack.of(scope);
  const table = (each: TableName) =>
    `arn:${partition}:dynamodb:${region}:${account}:table/${tableName(name, each)}`;
  return {
    region,
    keyAlias: keyAlias(name),
    keyAliasArn: `arn:${partition}:kms:${region}:${account}:${keyAlias(name)}`,
    keysArn: `arn:${partition}:kms:${region}:${account}:key/*`,
    tableArns: { log: table('log'), metadata: table('metadata'), groups: table('groups') },
  };
}

/** The same in every region. */
export const tableName = (cluster: string, table: TableName): string => `${cluster}-${table}`;

export const keyAlias = (name: string): string => `alias/${name}`;

/** Two clusters of an account may have the same name if they have no region in common. */
export function regionalClusterId(scope: IConstruct, { name, all }: ClusterRegions): string {
  return `${name}-${Stack.of(scope).account}-${all[0]}`;
}

/** Of the rule of any bucket that brings objects to this region. */
export const ruleTo = (region: string): string => `to-${region}`;
