/** The media type of Kafka record batches, magic 2, one after the other. */
export const RECORD_BATCH_TYPE = 'application/vnd.wadi.recordbatch';
