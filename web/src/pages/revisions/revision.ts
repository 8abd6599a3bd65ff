/** Revisions as the API has them, and what of them can be taken back. */

import { useQuery } from '@tanstack/react-query';
import { api, ask, tagOf, type Schemas } from '@/api/client';

export type RevisionShort = Schemas['RevisionShort'];
export type Revision = Schemas['Revision'];
export type Changed = Schemas['ChangeShown'];
export type Preview = Schemas['Preview'];
export type Applied = Schemas['Applied'];

/** What a rollback brings back; keys, credentials and administrators stay as they are. */
const BROUGHT_BACK = ['upstream', 'consumer', 'destination', 'section'];

export function useRevision(number: number) {
  return useQuery({
    queryKey: ['revisions', 'one', number],
    queryFn: () => ask(api.GET('/api/v1/revisions/{number}', { params: { path: { number } } })),
    staleTime: Infinity,
    enabled: Number.isInteger(number) && number >= 0,
  });
}

/** The number of the newest one: what a rollback is based on. */
export function useNewest() {
  return useQuery({
    queryKey: ['revisions', 'newest'],
    queryFn: async () => (await ask(api.GET('/api/v1/revisions', { params: { query: { limit: 1 } } }))).items[0]?.number ?? 0,
    refetchInterval: 10_000,
  });
}

/** What a rollback would change, and what is wrong with it; nothing is changed. */
export async function previewRollback(number: number): Promise<Preview> {
  const params = { path: { number }, query: { dry_run: true } };
  return (await ask(api.POST('/api/v1/revisions/{number}/rollback', { params }))) as Preview;
}

/** Rolls back, if the configuration is still what was seen. */
export async function rollBack(number: number, basedOn: number, why: string): Promise<Applied> {
  const params = { path: { number }, header: { 'if-match': tagOf(basedOn) }, query: why === '' ? {} : { why } };
  return (await ask(api.POST('/api/v1/revisions/{number}/rollback', { params }))) as Applied;
}

/** Whether a rollback could undo any of these changes. */
export function canComeBack(summary: readonly string[], count: number): boolean {
  // More than are summed up: some of them may well be.
  return count > summary.length || summary.some((line) => BROUGHT_BACK.includes(kindOf(line)));
}

/** The kind of "update upstream/github". */
export function kindOf(line: string): string {
  return /^\S+ ([^/]+)\//.exec(line)?.[1] ?? '';
}

/** "update upstream/billing" in its parts. */
export function partsOf(line: string): { action: string; object: string } {
  const at = line.indexOf(' ');
  return at === -1 ? { action: '', object: line } : { action: line.slice(0, at), object: line.slice(at + 1) };
}
