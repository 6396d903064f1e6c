import * as Type from '@sinclair/typebox/type';
import type { HttpRequest } from '../operation.ts';
import { queryReader } from '../request.ts';

/** Some 2.5 KB each at most, topic names being what they may be: a full page fits in Lambda's 6 MB. */
const MAX_PAGE_SIZE = 2_000;

export const PageQuery = Type.Object({
  page_size: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_PAGE_SIZE,
      default: MAX_PAGE_SIZE,
      description: 'At most so many.',
    }),
  ),
  page_token: Type.Optional(
    Type.String({
      pattern: '^[^:]*:[0-9]{1,10}$',
      description: 'Where to go on; part of the URL that `metadata.next` gives.',
    }),
  ),
});

/** Where something stands in a list that is ordered by topic, then by `index` (its partition, say). */
export interface Position {
  readonly topicName: string;
  readonly index: number;
}

const pageQuery = queryReader(PageQuery);

/**
 * The part of an ordered list that a request asks for, and the URL of the next, `null` after the last. A token names
 * the last element told, so what comes and goes between two pages moves no other element.
 */
export function pageOf<T extends Position>(
  request: HttpRequest,
  self: string,
  all: readonly T[],
): { page: T[]; next: string | null } {
  const { page_size = MAX_PAGE_SIZE, page_token } = pageQuery(request);
  const begin = page_token === undefined ? 0 : all.findIndex(isAfter(page_token));
  if (begin < 0) return { page: [], next: null };
  const page = all.slice(begin, begin + page_size);
  const last = page.at(-1);
  if (last === undefined || begin + page_size >= all.length) return { page, next: null };
  return { page, next: `${self}?page_size=${page_size}&page_token=${last.topicName}:${last.index}` };
}

function isAfter(token: string): (position: Position) => boolean {
  const [name = '', index] = token.split(':');
  return ({ topicName, ...position }) =>
    topicName > name || (topicName === name && position.index > Number(index));
}
