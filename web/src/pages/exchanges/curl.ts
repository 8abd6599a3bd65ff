/** An exchange as a command that makes the same call again, with the caller's own key. */

import type { Exchange } from '@/api/exchange';

/** What a record keeps in place of each value of a query. */
const KEPT_OUT = '*';

export function asCurl(exchange: Exchange, gateway: string): string {
  const lines = ['curl -i'];
  const method = exchange.method ?? 'GET';
  if (method !== 'GET') lines.push(`-X ${method}`);
  lines.push(`-H "Exeat-Key: $EXEAT_KEY"`);
  const path = exchange.path ?? '/';
  const query = exchange.query === null ? '' : `?${exchange.query}`;
  if (exchange.upstream !== null) {
    lines.push(quote(`${gateway}/${exchange.upstream}${path}${query}`));
  } else if (exchange.origin !== null) {
    lines.push(quote(`${gateway}/${exchange.origin}${path}${query}`));
  } else {
    lines.push(quote(`${gateway}${path}${query}`));
  }
  return lines.join(' \\\n  ');
}

/** What the command can't say, because the record doesn't hold it. */
export function leftOut(exchange: Exchange): string {
  const found: string[] = [];
  if (exchange.query?.includes(KEPT_OUT) === true) found.push('the values of the query');
  if (exchange.bytes_in > 0) found.push('the body');
  return [found.join(', '), 'the fields of the request'].filter((part) => part !== '').join(' and ');
}

/** A word of a shell, whatever is in it. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
