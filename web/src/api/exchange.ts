/** The record of an exchange or of a change, as GET /records answers with it. */

export interface Attempt {
  endpoint: string;
  address: string | null;
  status: number | null;
  error: string | null;
  began_ms: number;
  head_ms: number | null;
  retry: string | null;
}

export interface Exchange {
  id: string;
  time: string;
  kind: 'exchange';
  outcome: 'completed' | 'failed' | 'refused' | 'interrupted';
  consumer: string | null;
  key: string | null;
  address: string | null;
  mode: string | null;
  method: string | null;
  upstream: string | null;
  origin: string | null;
  path: string | null;
  query: string | null;
  decision: 'allow' | 'report' | 'deny' | null;
  reason: string | null;
  status: number;
  error: string | null;
  attempts: Attempt[];
  credential: string | null;
  duration_ms: number | null;
  head_ms: number | null;
  bytes_in: number;
  bytes_out: number;
  cost: { amount: string; currency: string } | null;
  cache: string | null;
  trace: string | null;
  bodies: unknown;
}

/** A change by an administrator, or something that Exeat did of itself. */
export interface Change {
  id: string;
  time: string;
  kind: 'change' | 'audit';
  outcome?: string;
  actor?: string;
  action?: string;
  object?: string;
  before?: unknown;
  after?: unknown;
}

export type AnyRecord = Exchange | Change;

export function isExchange(record: AnyRecord): record is Exchange {
  return record.kind === 'exchange';
}

/** Whether somebody has to look at it: Exeat failed, or the upstream answered 5xx. */
export function isBad(exchange: Exchange): boolean {
  return exchange.error !== null || exchange.status >= 500 || exchange.outcome === 'interrupted';
}
