/** Upstreams, consumers, and what belongs to them: how they are read, and changed by the version that was seen. */

import { useQuery } from '@tanstack/react-query';
import type { Json } from '@/form/json';
import { api, ask, tagOf, type Schemas } from './client';

export type ObjectShown = Schemas['Object'];
export type EndpointShown = Schemas['EndpointShown'];
export type KeyShown = Schemas['Key'];
export type NewKey = Schemas['NewKey'];
export type Preset = Schemas['PresetShort'];
export type Kind = 'upstreams' | 'consumers';

const PAGE = 1000;

interface Page<Item> {
  items: Item[];
  next: string | null;
}

/** Every item of a list, page after page. */
export async function readAll<Item>(read: (after: string | undefined) => Promise<Page<Item>>): Promise<Item[]> {
  const found: Item[] = [];
  let after: string | undefined;
  do {
    const page = await read(after);
    found.push(...page.items);
    after = page.next ?? undefined;
  } while (after !== undefined);
  return found;
}

export function useObjects(kind: Kind) {
  return useQuery({
    queryKey: [kind],
    queryFn: () => readAll((after) => ask(api.GET(`/api/v1/${kind}`, { params: { query: { limit: PAGE, after } } }))),
    refetchInterval: 30_000,
  });
}

export function useObject(kind: Kind, name: string) {
  return useQuery({
    queryKey: [kind, name],
    queryFn: () => ask(api.GET(`/api/v1/${kind}/{name}`, { params: { path: { name } } })),
  });
}

/** How a change says what it is based on, and why it is made. */
function based(name: string, revision: number | null, why = '') {
  const header = revision === null ? { 'if-none-match': '*' } : { 'if-match': tagOf(revision) };
  return { path: { name }, header, query: why === '' ? {} : { why } };
}

/** Makes an object; refused where there is one of that name. */
export async function makeObject(kind: Kind, name: string, data: Json): Promise<ObjectShown> {
  const request = { params: based(name, null), body: data as Schemas['Consumer'] };
  return (await ask(api.PUT(`/api/v1/${kind}/{name}`, request))) as ObjectShown;
}

export interface Change {
  patch: Json;
  revision: number | null;
  why?: string;
}

/** Changes members of an object (JSON Merge Patch), if it is still what was seen. */
export async function changeObject(kind: Kind, name: string, { patch, revision, why }: Change): Promise<ObjectShown> {
  const request = { params: based(name, revision ?? 0, why), body: patch as Record<string, never> };
  return (await ask(api.PATCH(`/api/v1/${kind}/{name}`, request))) as ObjectShown;
}

export async function removeObject(kind: Kind, object: ObjectShown, why: string): Promise<void> {
  await ask(api.DELETE(`/api/v1/${kind}/{name}`, { params: based(object.name, object.revision ?? 0, why) }));
}

export function useEndpoints(upstream: string) {
  return useQuery({
    queryKey: ['endpoints', upstream],
    queryFn: () => ask(api.GET('/api/v1/upstreams/{name}/endpoints', { params: { path: { name: upstream } } })),
    refetchInterval: 3_000,
  });
}

export type Hold = 'trip' | 'drain';
export type Free = 'reset' | 'restore';

export interface HandAct {
  act: Hold | Free;
  upstream: string;
  endpoint: string;
  /** As in `10m`; until it is taken back, if empty. */
  length: string;
  why: string;
}

/** What an operator says of an endpoint. Health changes all the time: the last word counts, whatever was seen. */
export function handleEndpoint({ act, upstream, endpoint, length, why }: HandAct) {
  const params = { path: { name: upstream }, query: why === '' ? {} : { why } };
  const path = '/api/v1/upstreams/{name}/endpoints' as const;
  switch (act) {
    case 'trip':
      return ask(api.POST(`${path}/trip`, { params, body: { endpoint, for: length === '' ? null : length } }));
    case 'drain':
      return ask(api.POST(`${path}/drain`, { params, body: { endpoint, for: length === '' ? null : length } }));
    case 'reset':
      return ask(api.POST(`${path}/reset`, { params, body: { endpoint } }));
    case 'restore':
      return ask(api.POST(`${path}/restore`, { params, body: { endpoint } }));
  }
}

export function testUpstream(name: string, path: string) {
  const body = path === '' ? {} : { path };
  return ask(api.POST('/api/v1/upstreams/{name}/test', { params: { path: { name } }, body }));
}

export function usePresets() {
  return useQuery({ queryKey: ['presets'], queryFn: () => ask(api.GET('/api/v1/presets')), staleTime: Infinity });
}

/** The keys of a consumer, or all of the database; those of a document are in its consumers. */
export function useKeys(consumer?: string) {
  return useQuery({
    queryKey: ['keys', consumer ?? ''],
    queryFn: () =>
      readAll((after) => ask(api.GET('/api/v1/keys', { params: { query: { consumer, limit: PAGE, after } } }))),
    refetchInterval: 15_000,
  });
}

export async function makeKey(wanted: { consumer: string; label: string; expires_in?: string; networks: string[] }) {
  return (await ask(api.POST('/api/v1/keys', { body: { limits: [], aws: false, ...wanted } }))) as NewKey;
}

export type Grace = Schemas['Rotation']['grace'];

export async function rotateKey(key: KeyShown, grace: Grace, why: string) {
  const header = { 'if-match': tagOf(key.revision) };
  const params = { path: { id: key.id }, header, query: why === '' ? {} : { why } };
  return (await ask(api.POST('/api/v1/keys/{id}/rotate', { params, body: { grace, aws: false } }))) as NewKey;
}

export function revokeKey(key: KeyShown, why: string) {
  const header = { 'if-match': tagOf(key.revision) };
  return ask(
    api.POST('/api/v1/keys/{id}/revoke', { params: { path: { id: key.id }, header, query: why === '' ? {} : { why } } }),
  );
}
