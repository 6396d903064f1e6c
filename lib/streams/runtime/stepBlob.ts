/** One append of a step: a batch of a partition, with its producer's sequence in it. */
export interface StepAppend {
  readonly topic: string;
  /** Of the one that it is for: another that has its name by then is not meant. */
  readonly topicId?: string;
  readonly partition: number;
  readonly recordCount: number;
  readonly maxTimestamp: number;
  readonly producer: { readonly id: bigint; readonly epoch: number; readonly sequence: number };
  readonly bytes: Uint8Array;
}

interface Header extends Omit<StepAppend, 'bytes' | 'producer'> {
  readonly producer: { readonly id: string; readonly epoch: number; readonly sequence: number };
  readonly length: number;
}

const LENGTH_BYTES = 4;

/** Four bytes of length, a header in JSON that says what there is, then the batches. */
export function encodeStep(appends: readonly StepAppend[]): Uint8Array[] {
  const header = appends.map(({ bytes, producer, ...append }): Header => {
    return { ...append, producer: { ...producer, id: String(producer.id) }, length: bytes.length };
  });
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(LENGTH_BYTES);
  new DataView(length.buffer).setUint32(0, text.length);
  return [length, text, ...appends.map(({ bytes }) => bytes)];
}

export function decodeStep(stored: Uint8Array): StepAppend[] {
  const length = new DataView(stored.buffer, stored.byteOffset).getUint32(0);
  let position = LENGTH_BYTES + length;
  const text = new TextDecoder().decode(stored.subarray(LENGTH_BYTES, position));
  return (JSON.parse(text) as Header[]).map(({ length: bytes, producer, ...append }) => {
    const from = position;
    position += bytes;
    return {
      ...append,
      producer: { ...producer, id: BigInt(producer.id) },
      bytes: stored.subarray(from, position),
    };
  });
}
