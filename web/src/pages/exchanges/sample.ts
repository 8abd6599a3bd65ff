/** An exchange for tests. */

import type { Attempt, Exchange } from '@/api/exchange';

export const ATTEMPT: Attempt = {
  endpoint: 'https://api.example.com', address: '192.0.2.1', status: 200, error: null, began_ms: 1, head_ms: 5, retry: null,
}; // prettier-ignore

export function exchange(change: Partial<Exchange> = {}): Exchange {
  return {
    id: '01a226d6-ea08-794e-88cf-b115d21f0d34', time: '2026-05-01T12:00:00Z', kind: 'exchange', outcome: 'completed',
    consumer: 'web', key: 'hAhKaL8qzDii', address: '127.0.0.1', mode: 'path', method: 'GET', upstream: 'github',
    origin: null, path: '/repos', query: null, decision: 'allow', reason: null, status: 200, error: null,
    attempts: [ATTEMPT], credential: 'bearer', duration_ms: 8, head_ms: 6, bytes_in: 0, bytes_out: 10, cost: null,
    cache: null, trace: null, bodies: null, ...change,
  }; // prettier-ignore
}
