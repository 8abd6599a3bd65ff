/** The query client, and what every page reads in the same way. */

import { MutationCache, QueryCache, QueryClient, useQuery } from '@tanstack/react-query';
import { api, ask } from './client';
import { Problem } from './problem';
import { endSession } from './session';

export function makeClient(): QueryClient {
  const onError = (error: unknown): void => {
    if (error instanceof Problem && error.status === 401) endSession(client);
  };
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({
      onError: (error, _variables, _context, mutation) => {
        if (mutation.meta?.['isLogIn'] !== true) onError(error);
      },
    }),
    defaultOptions: { queries: { retry: isWorthRetrying, staleTime: 2_000, refetchOnWindowFocus: true } },
  });
  return client;
}

/** A refusal stays one; what nobody answered may be answered the next time. */
function isWorthRetrying(count: number, error: unknown): boolean {
  const status = error instanceof Problem ? error.status : 0;
  return count < 2 && (status === 0 || status >= 500);
}

export function useStatus() {
  return useQuery({ queryKey: ['status'], queryFn: () => ask(api.GET('/api/v1/status')), refetchInterval: 5_000 });
}

export function useLimits() {
  return useQuery({ queryKey: ['limits'], queryFn: () => ask(api.GET('/api/v1/limits')), refetchInterval: 5_000 });
}

export interface UsageWanted {
  since: string;
  until?: string;
  by?: ('instance' | 'consumer' | 'key' | 'upstream' | 'status_class' | 'error' | 'answered')[];
  where?: string[];
  step?: 'auto' | 'minute' | 'hour' | 'day';
}

/** What was used in a range of time; asked again every ten seconds. */
export function useUsage(wanted: UsageWanted) {
  return useQuery({
    queryKey: ['usage', wanted],
    queryFn: () => ask(api.GET('/api/v1/usage', { params: { query: wanted } })),
    refetchInterval: 10_000,
    placeholderData: (before) => before,
  });
}

/** What the code in the record of an exchange means, and what to do. */
export function useErrorPage(code: string | null) {
  return useQuery({
    queryKey: ['errors', code],
    queryFn: () => ask(api.GET('/api/v1/errors/gateway/{code}', { params: { path: { code: code ?? '' } } })),
    enabled: code !== null,
    staleTime: Infinity,
  });
}
