/** Kafka's TopologyException: the topology, as its code puts it together, cannot be. */
export class TopologyError extends Error {
  override readonly name = 'TopologyError';
}
