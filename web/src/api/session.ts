/** Who uses the dashboard, and what they may do. */

import { useMutation, useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask, type Schemas } from './client';
import { Problem } from './problem';

export type Session = Schemas['Session'];
export type Role = Session['role'];
export const SESSION = ['session'] as const;
/** Whether the last session ended by itself. */
const EXPIRED = ['expired'] as const;
const RANK: Record<Role, number> = { viewer: 1, operator: 2, administrator: 3 };

/** The session; null where nobody is logged in. */
export function useSession() {
  return useQuery({ queryKey: SESSION, queryFn: findSession, staleTime: 60_000 });
}

async function findSession({ client }: { client: QueryClient }): Promise<Session | null> {
  try {
    return await ask(api.GET('/api/v1/session'));
  } catch (error) {
    if (error instanceof Problem && error.status === 401) {
      noteEnd(client);
      return null;
    }
    throw error;
  }
}

/** Nobody is logged in any more, whoever was: the log-in says so. */
export function endSession(client: QueryClient): void {
  noteEnd(client);
  client.setQueryData(SESSION, null);
}

function noteEnd(client: QueryClient): void {
  if (client.getQueryData(SESSION) != null) client.setQueryData(EXPIRED, true);
}

/** Whether somebody was logged in here until their session ended by itself. */
export function useIsExpired(): boolean {
  const client = useQueryClient();
  const [isExpired] = useState(() => client.getQueryData(EXPIRED) === true);
  return isExpired;
}

/** Whether who is logged in has at least this role. What they may not do is shown disabled, never tried. */
export function useMay(role: Role): boolean {
  const { data } = useSession();
  return data != null && mayDo(data.role, role);
}

export function mayDo(has: Role, needed: Role): boolean {
  return RANK[has] >= RANK[needed];
}

export interface LogIn {
  name?: string;
  password?: string;
  token?: string;
}

export function logIn(body: LogIn): Promise<Session> {
  return ask(api.POST('/api/v1/session', { body }));
}

/** Somebody is logged in. */
export function begin(client: QueryClient, session: Session): void {
  client.removeQueries({ queryKey: EXPIRED });
  client.setQueryData(SESSION, session);
}

/** Ends the session; what was read with it is forgotten. */
export function useLogOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => ask(api.DELETE('/api/v1/session')),
    onSettled: () => {
      // The session's own query stays: whoever shows the log-in waits for it.
      client.setQueryData(SESSION, null);
      client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== SESSION[0] }); // EXPIRED, too
      client.getMutationCache().clear();
    },
  });
}
