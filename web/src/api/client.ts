/** The admin API, as docs/reference/openapi.json describes it: the only thing this program talks to. */

import createClient from 'openapi-fetch';
import { unreachable, parseProblem } from './problem';
import type { components, paths } from './schema';

export type Schemas = components['schemas'];
export const PREFIX = '/api/v1';
export const api = createClient<paths>({ baseUrl: window.location.origin });

interface Outcome<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** What a call answers; a Problem where it is refused or nobody answers: `ask(api.GET('/api/v1/status'))`. */
export async function ask<Data>(call: Promise<Outcome<Data>>): Promise<Data> {
  let outcome: Outcome<Data>;
  try {
    outcome = await call;
  } catch (error) {
    throw unreachable(error);
  }
  if (!outcome.response.ok) throw parseProblem(outcome.response, outcome.error);
  return outcome.data as Data;
}

/** The ETag of an object whose `revision` or `version` is known: what a change sends as `If-Match`. */
export function tagOf(revision: number | null): string {
  return `"${revision ?? 0}"`;
}
