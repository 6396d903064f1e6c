/** The configs of a topic that Wadi acts on, typed. Names and meanings are Kafka's. */
export interface TopicConfigs {
  readonly maxMessageBytes: number;
  readonly compressionType: 'producer' | 'uncompressed' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  readonly messageTimestampType: 'CreateTime' | 'LogAppendTime';
}
