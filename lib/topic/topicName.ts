const MAX_LENGTH = 249;

/**
 * Why `name` is no legal topic name, if it is none: 1 to 249 ASCII letters, digits, '.', '_' and '-', but not '.' or
 * '..' (Kafka's `Topic.validate`).
 */
export function topicNameProblem(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name === '.' || name === '..') return `it cannot be '${name}'`;
  if (name.length > MAX_LENGTH) return `it is ${name.length} characters long, more than ${MAX_LENGTH}`;
  if (/[^a-zA-Z0-9._-]/.test(name)) {
    return `'${name}' has characters other than ASCII letters, digits, '.', '_' and '-'`;
  }
  return undefined;
}

/**
 * Names that differ only in '.' and '_' collide, because Kafka's metrics cannot tell them apart: this is what they
 * share.
 */
export function collisionName(name: string): string {
  return name.replaceAll('.', '_');
}
