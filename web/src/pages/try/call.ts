/** A call that is tried: what is typed, the envelope of it, and what comes back. */

import { api, ask, type Schemas } from '@/api/client';
import { Problem } from '@/api/problem';
import { isMembers, type Json, type Members } from '@/form/json';

export const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
export type BodyKind = 'none' | 'json' | 'text' | 'form';
export type Pair = [name: string, value: string];
export type Explanation = Schemas['Explanation'];

export interface Trial {
  /** Who calls: whoever has the key; or, only to be explained, a consumer by its name. */
  as: 'key' | 'consumer';
  key: string;
  consumer: string;
  to: 'upstream' | 'url';
  upstream: string;
  url: string;
  method: string;
  path: string;
  query: Pair[];
  headers: Pair[];
  body: BodyKind;
  text: string;
  form: Pair[];
  timeout: string;
}

/** What is there at first: what the address says, and who may only look asks by a consumer's name. */
export function begin(search: URLSearchParams, mayCall: boolean): Trial {
  const said = (name: string, usual = ''): string => search.get(name) ?? usual;
  return {
    as: mayCall && !search.has('consumer') ? 'key' : 'consumer',
    key: '',
    consumer: said('consumer'),
    to: search.has('url') ? 'url' : 'upstream',
    upstream: said('upstream'),
    url: said('url'),
    method: said('method', 'GET').toUpperCase(),
    path: said('path', '/'),
    query: [],
    headers: [],
    body: 'none',
    text: '',
    form: [],
    timeout: '',
  };
}

/** What is missing before it can be tried; null where nothing is. */
export function missing(trial: Trial): string | null {
  if (trial.as === 'key' && trial.key.trim() === '') return 'A key is missing';
  if (trial.as === 'consumer' && trial.consumer === '') return 'A consumer is missing';
  if (trial.to === 'upstream' && trial.upstream === '') return 'An upstream is missing';
  if (trial.to === 'url' && !/^https?:\/\/./i.test(trial.url.trim())) return 'A URL begins with https:// or http://';
  if (trial.timeout.trim() !== '' && !(Number(trial.timeout) > 0)) return 'The time limit is a number of seconds';
  if (trial.body === 'json' && faultOf(trial.text) !== null) return 'The body isn’t JSON yet';
  return null;
}

/** What keeps a text from being JSON. */
export function faultOf(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return text.trim() === '' ? 'Nothing is there yet' : error instanceof Error ? error.message : String(error);
  }
}

/** The envelope, as `POST /-/call` takes it. */
export function envelopeOf(trial: Trial): Members {
  const place: Members = trial.to === 'upstream' ? { upstream: trial.upstream, path: trial.path || '/' } : { url: trial.url.trim() };
  const envelope: Members = trial.method === 'GET' ? place : { ...place, method: trial.method };
  const [query, headers] = [membersOf(trial.query), membersOf(trial.headers)];
  if (query !== null) envelope['query'] = query;
  if (headers !== null) envelope['headers'] = headers;
  if (trial.body === 'json') envelope['json'] = JSON.parse(trial.text) as Json;
  if (trial.body === 'text') envelope['text'] = trial.text;
  if (trial.body === 'form') envelope['form'] = membersOf(trial.form) ?? {};
  if (trial.timeout.trim() !== '') envelope['timeout'] = Number(trial.timeout);
  return envelope;
}

/** Names and values; a name that is there several times has a list. Null where there are none. */
export function membersOf(pairs: readonly Pair[]): Members | null {
  const found: Members = {};
  for (const [name, value] of pairs) {
    if (name.trim() === '') continue;
    const before = found[name.trim()];
    found[name.trim()] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
  }
  return Object.keys(found).length === 0 ? null : found;
}

/** The same call as a command; the key is in a variable of the shell. */
export function asCommand(trial: Trial, gateway: string): string {
  let body: string;
  try {
    body = JSON.stringify(envelopeOf(trial));
  } catch {
    return '';
  }
  const quoted = body.replaceAll("'", `'\\''`);
  return [`curl ${gateway}/-/call`, `-H "Exeat-Key: $EXEAT_KEY"`, "-H 'Content-Type: application/json'", `-d '${quoted}'`].join(' \\\n  ');
}

/** Where a call goes, as POST /explain takes it. */
export function targetOf(trial: Trial): string {
  const path = trial.path.startsWith('/') ? trial.path : `/${trial.path}`;
  const target = trial.to === 'url' ? trial.url.trim() : `/${trial.upstream}${path}`;
  const query = new URLSearchParams(trial.query.filter(([name]) => name.trim() !== '')).toString();
  return query === '' ? target : `${target}${target.includes('?') ? '&' : '?'}${query}`;
}

export interface Came {
  status: number | null;
  headers: Record<string, string>;
  answer: unknown;
  explanation: Explanation | null;
  duration_ms: number | null;
}

export async function send(trial: Trial): Promise<Came> {
  const body = { key: trial.key.trim(), call: envelopeOf(trial), explain: false };
  return (await ask(api.POST('/api/v1/call', { body }))) as unknown as Came;
}

export async function explain(trial: Trial): Promise<Came> {
  if (trial.as === 'key') {
    const body = { key: trial.key.trim(), call: envelopeOf(trial), explain: true };
    return (await ask(api.POST('/api/v1/call', { body }))) as unknown as Came;
  }
  const headers = Object.fromEntries(trial.headers.filter(([name]) => name.trim() !== ''));
  const question = { consumer: trial.consumer, method: trial.method, target: targetOf(trial), headers, resolve: false };
  const explanation = await ask(api.POST('/api/v1/explain', { body: question }));
  return { status: null, headers: {}, answer: null, explanation, duration_ms: null };
}

/** What has come of a call, whether the upstream has answered, the gateway refused it, or neither fits. */
export interface Outcome {
  status: number;
  isUpstreams: boolean;
  headers: Pair[];
  /** The body as text, and what it was. */
  body: { text: string; kind: string } | null;
  problem: Problem | null;
  meta: { requestId: string | null; upstream: string | null; attempts: number | null; durationMs: number | null; cost: unknown };
}

export function readOutcome(came: Came): Outcome {
  const answer: Members = isMembers(came.answer) ? (came.answer) : {};
  const meta: Members = isMembers(answer['meta']) ? answer['meta'] : {};
  const problem = isMembers(answer['problem']) ? answer['problem'] : 'meta' in answer ? null : answer;
  const said = problem === null ? null : asProblem(problem, came.status ?? 0);
  return {
    status: typeof answer['status'] === 'number' ? answer['status'] : (came.status ?? 0),
    isUpstreams: meta['origin'] === 'upstream' && said === null,
    headers: pairsOf(answer['headers']),
    body: bodyOf(answer),
    problem: said,
    meta: {
      requestId: text(meta['request_id']) ?? text(problem?.['request_id']) ?? came.headers['exeat-request-id'] ?? null,
      upstream: text(meta['upstream']),
      attempts: typeof meta['attempts'] === 'number' ? meta['attempts'] : null,
      durationMs: typeof meta['duration_ms'] === 'number' ? meta['duration_ms'] : came.duration_ms,
      cost: meta['cost'] ?? null,
    },
  };
}

function asProblem(members: Members, status: number): Problem {
  return new Problem({
    status,
    code: text(members['code']) ?? 'unknown',
    title: text(members['title']) ?? `The gateway answered ${status}`,
    detail: text(members['detail']) ?? 'There is no more to tell.',
    hint: text(members['hint']) ?? '',
  });
}

function bodyOf(answer: Members): Outcome['body'] {
  if ('json' in answer) return { text: JSON.stringify(answer['json'], null, 2), kind: 'JSON' };
  const plain = text(answer['text']);
  if (plain !== null) return { text: plain, kind: 'text' };
  const binary = text(answer['base64']);
  return binary === null ? null : { text: binary, kind: 'not text, shown as base64' };
}

function pairsOf(headers: Json | undefined): Pair[] {
  if (!isMembers(headers)) return [];
  return Object.entries(headers).flatMap(([name, value]): Pair[] =>
    Array.isArray(value) ? value.map((one): Pair => [name, word(one)]) : [[name, word(value)]],
  );
}

function word(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function text(value: Json | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
