import type { Page, PageRequest } from "../../ports/registry-service.ts";

/**
 * One page of `items`, ordered by key. The token is the last key of the page before, so that
 * what comes and goes in between shifts nothing.
 */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  request: PageRequest,
): Page<T> {
  const rest = items
    .filter((item) => keyOf(item) > request.token)
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const page = rest.slice(0, request.size);
  const last = page.at(-1);
  const hasMore = rest.length > page.length && last !== undefined;
  return { items: page, nextPageToken: hasMore ? keyOf(last) : "" };
}
