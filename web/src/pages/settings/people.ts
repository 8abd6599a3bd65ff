/** Administrators and their tokens: how they are read and changed. */

import { useQuery } from '@tanstack/react-query';
import { api, ask, tagOf, type Schemas } from '@/api/client';
import { readAll } from '@/api/objects';
import { mayDo, type Role } from '@/api/session';

export type Administrator = Schemas['Administrator'];
export type Token = Schemas['Token'];
export type NewToken = Schemas['NewToken'];
export type TokenWanted = Schemas['TokenWanted'];

const PAGE = 500;
export const SHORTEST_PASSWORD = 12;
export const ROLES: { value: Role; label: string; description: string }[] = [
  { value: 'viewer', label: 'Viewer', description: 'sees everything but secrets' },
  { value: 'operator', label: 'Operator', description: 'changes the configuration, keys and credentials' },
  { value: 'administrator', label: 'Administrator', description: 'changes administrators as well' },
];

/** Those that a role may give: at most itself. */
export function rolesUpTo(role: Role): typeof ROLES {
  return ROLES.filter(({ value }) => mayDo(role, value));
}

export function describeRole(role: Role): string {
  return ROLES.find(({ value }) => value === role)?.description ?? '';
}

export function useAdministrators(isAllowed: boolean) {
  return useQuery({
    queryKey: ['administrators'],
    queryFn: () => readAll((after) => ask(api.GET('/api/v1/administrators', { params: { query: { limit: PAGE, after } } }))),
    enabled: isAllowed,
  });
}

export function useTokens() {
  return useQuery({
    queryKey: ['tokens'],
    queryFn: () => readAll((after) => ask(api.GET('/api/v1/tokens', { params: { query: { limit: PAGE, after } } }))),
    refetchInterval: 30_000,
  });
}

const because = (why: string): { why?: string } => (why === '' ? {} : { why });

export async function makeAdministrator(body: Schemas['AdministratorWanted']): Promise<Administrator> {
  return (await ask(api.POST('/api/v1/administrators', { body }))) as Administrator;
}

export async function changeAdministrator(one: Administrator, body: Schemas['AdministratorPatch'], why: string): Promise<Administrator> {
  const params = { path: { name: one.name }, header: { 'if-match': tagOf(one.revision) }, query: because(why) };
  return (await ask(api.PATCH('/api/v1/administrators/{name}', { params, body }))) as Administrator;
}

export async function removeAdministrator(one: Administrator, why: string): Promise<void> {
  const params = { path: { name: one.name }, header: { 'if-match': tagOf(one.revision) }, query: because(why) };
  await ask(api.DELETE('/api/v1/administrators/{name}', { params }));
}

export async function makeToken(body: TokenWanted): Promise<NewToken> {
  return (await ask(api.POST('/api/v1/tokens', { body }))) as NewToken;
}

export async function revokeToken(id: string, why: string): Promise<void> {
  await ask(api.DELETE('/api/v1/tokens/{id}', { params: { path: { id }, query: because(why) } }));
}

/** What is different of an administrator; members that stay aren't sent. */
export function patchOf(one: Administrator, role: Role, isDisabled: boolean, password: string): Schemas['AdministratorPatch'] {
  return {
    ...(role === one.role ? {} : { role }),
    ...(isDisabled === one.disabled ? {} : { disabled: isDisabled }),
    ...(password === '' ? {} : { password }),
  };
}

/** What is wrong with a new password; null where nothing is, or nothing is typed. */
export function faultOfPassword(password: string): string | null {
  const { length } = Array.from(password);
  if (length === 0 || length >= SHORTEST_PASSWORD) return null;
  return `At least ${SHORTEST_PASSWORD} characters: ${SHORTEST_PASSWORD - length} more`;
}
