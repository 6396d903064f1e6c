import * as Type from '@sinclair/typebox/type';
import type { HttpRequest } from '../operation.ts';
import { queryReader } from '../request.ts';

const MAX_PAGE_SIZE = 100;

/** Of a list of which each element takes some reads, and goes by its id. */
export const seenPageQuery = (maxIdLength: number) =>
  Type.Object({
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
        minLength: 1,
        maxLength: maxIdLength,
        description: 'Where to go on; part of the URL that `metadata.next` gives.',
      }),
    ),
  });

interface Listed<T> {
  /** In the order of ids. */
  readonly list: (options: { readonly after?: string; readonly limit: number }) => Promise<readonly T[]>;
  readonly idOf: (element: T) => string;
  /** Whether the caller may see it: no other is named, not even as the one to go on behind. */
  readonly isSeen: (element: T) => boolean;
}

/** Reads a page of those that the caller may see, and the URL of the next, `null` if there is none. */
export function seenPageReader(query: ReturnType<typeof seenPageQuery>) {
  const read = queryReader(query);
  return async <T>(
    request: HttpRequest,
    self: string,
    { list, idOf, isSeen }: Listed<T>,
  ): Promise<{ page: readonly T[]; next: string | null }> => {
    const { page_size: limit = MAX_PAGE_SIZE, page_token } = read(request);
    const seen: T[] = [];
    let isMore = true;
    for (let after = page_token; isMore && seen.length < limit; ) {
      const some = await list({ limit, ...(after !== undefined && { after }) });
      seen.push(...some.filter(isSeen));
      const last = some.at(-1);
      after = last && idOf(last);
      isMore = some.length === limit;
    }
    const page = seen.slice(0, limit);
    const token = page.length === limit && encodeURIComponent(idOf(page.at(-1)!));
    return { page, next: token ? `${self}?page_size=${limit}&page_token=${token}` : null };
  };
}
