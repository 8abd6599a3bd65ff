/** What is chosen on a page stands in its address: it can be linked to, and survives a reload. */

import { useCallback } from 'react';
import { useSearchParams } from 'wouter';

/** The value of a parameter, and how to change it; what is as usual isn't written. */
export function useParameter(name: string, usual = ''): [string, (value: string) => void] {
  const [search, setSearch] = useSearchParams();
  const change = useCallback(
    (value: string) => {
      setSearch(
        (before) => {
          const after = new URLSearchParams(before);
          if (value === usual) after.delete(name);
          else after.set(name, value);
          return after;
        },
        { replace: true },
      );
    },
    [name, usual, setSearch],
  );
  return [search.get(name) ?? usual, change];
}

/** The address of the exchanges with these values: `exchangesWith({ upstream: 'github', status: '5xx' })`. */
export function exchangesWith(values: Record<string, string | number | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value != null && value !== '') search.set(name, String(value));
  }
  const text = search.toString();
  return text === '' ? '/exchanges' : `/exchanges?${text}`;
}
