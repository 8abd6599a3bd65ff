/** Grants as people choose them: what for, which methods; and as documents write them. */

import { isMembers, textOf, type Json, type Members } from '@/form/json';

export interface Target {
  kind: 'upstream' | 'destination' | 'everything';
  /** A name or host pattern; `*` for all. */
  name: string;
}

/** What a grant is for. `destinations` alone stands for all of them, and `*` for everything. */
export function targetOf(grant: Json): Target {
  if (grant === '*') return { kind: 'everything', name: '*' };
  if (!isMembers(grant)) return grant === 'destinations' ? { kind: 'destination', name: '*' } : { kind: 'upstream', name: textOf(grant) };
  const { upstream, destination } = grant;
  if (typeof destination !== 'string') return { kind: 'upstream', name: typeof upstream === 'string' ? upstream : '' };
  return upstream === '*' ? { kind: 'everything', name: '*' } : { kind: 'destination', name: destination };
}

/** Everything of a grant but what it is for. */
export function termsOf(grant: Json): Members {
  if (!isMembers(grant)) return {};
  return Object.fromEntries(Object.entries(grant).filter(([name]) => name !== 'upstream' && name !== 'destination'));
}

/** A grant as short as a document can have it. */
export function grantOf({ kind, name }: Target, terms: Members): Json {
  const isPlain = Object.keys(terms).length === 0;
  if (kind === 'everything') return isPlain ? '*' : { upstream: '*', destination: '*', ...terms };
  if (isPlain && kind === 'upstream' && name !== '*') return name;
  if (isPlain && kind === 'destination' && name === '*') return 'destinations';
  return { [kind]: name, ...terms };
}

export function titleOf(grant: Json): string {
  const { kind, name } = targetOf(grant);
  if (kind === 'everything') return 'everything';
  return name === '*' ? `all ${kind}s` : name;
}

/** What a grant allows, in one line: `POST · /v1/**`. */
export function describeTerms(grant: Json): string {
  const { methods, paths, mode, limits } = termsOf(grant);
  const parts: string[] = [];
  if (Array.isArray(methods)) parts.push(methods.map(textOf).join(' '));
  if (Array.isArray(paths)) parts.push(paths.map(textOf).join(' '));
  if (isMembers(paths)) {
    if (Array.isArray(paths['allow'])) parts.push(paths['allow'].map(textOf).join(' '));
    if (Array.isArray(paths['deny'])) parts.push(`not ${paths['deny'].map(textOf).join(' ')}`);
  }
  if (Array.isArray(limits)) parts.push(limits.length === 1 ? 'a limit' : `${limits.length} limits`);
  if (mode === 'report') parts.push('report only');
  return parts.join(' · ');
}

export function grantsOf(data: unknown): Json[] {
  const grants = isMembers(data) ? data['grants'] : undefined;
  return Array.isArray(grants) ? grants : [];
}

/** Whether a grant is for this upstream, by name or as one of all. */
export function coversUpstream(grant: Json, upstream: string): boolean {
  const { kind, name } = targetOf(grant);
  return kind !== 'destination' && (name === '*' || name === upstream);
}
