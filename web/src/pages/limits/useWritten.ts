/** Where limits are written: whether they can be raised here, and which version that would be based on. */

import { useQuery } from '@tanstack/react-query';
import { api, ask } from '@/api/client';
import { readAll, useObjects } from '@/api/objects';
import { whyFixed, writtenIn, type Limit } from './limit';

export interface Written {
  /** Why it can’t be raised here; null where it can. */
  fixed: string | null;
  revision: number | null;
}

export function useWritten(): (limit: Limit) => Written {
  const upstreams = useObjects('upstreams');
  const consumers = useObjects('consumers');
  const sections = useQuery({
    queryKey: ['sections'],
    queryFn: () => readAll((after) => ask(api.GET('/api/v1/sections', { params: { query: { limit: 1000, after } } }))),
  });
  const known = { upstream: upstreams.data ?? [], consumer: consumers.data ?? [], gateway: sections.data ?? [] };
  return (limit) => {
    const object = writtenIn(limit, known);
    return { fixed: whyFixed(limit, object), revision: object?.revision ?? null };
  };
}
