import { expect, test } from 'vitest';
import type { Limit } from '../limits/limit';
import { limitsBehind, stepFor } from './advice';

const limit = (fields: Partial<Limit>) => ({ id: '', scope: 'consumer', owner: 'web', name: 'day', kind: 'budget', left_ratio: 1, ...fields }) as Limit;
const refused = { consumer: 'web', key: 'k', upstream: 'mail', error: 'budget-exhausted', reason: null as string | null };

test('a refusal of a limit leads to the limit that it names', () => {
  const limits = [limit({ id: 'a' }), limit({ id: 'b', scope: 'upstream', owner: 'mail' }), limit({ id: 'c', name: 'month' })];
  const reason = "The limit 'day' of the upstream is reached.";
  expect(limitsBehind({ ...refused, reason }, limits).map(({ id }) => id)).toEqual(['b']);
});

test('where none is named, to those of its kind that count it, the least left first', () => {
  const limits = [
    limit({ id: 'full' }),
    limit({ id: 'empty', left_ratio: 0, scope: 'grant', owner: 'web:mail' }),
    limit({ id: 'of another', owner: 'shop' }),
    limit({ id: 'of another grant', scope: 'grant', owner: 'web:weather' }),
    limit({ id: 'of another kind', kind: 'rate' }),
  ];
  expect(limitsBehind(refused, limits).map(({ id }) => id)).toEqual(['empty', 'full']);
});

test('other refusals lead to where they are set', () => {
  expect(stepFor('method-not-granted', refused)?.href).toBe('/consumers/web?tab=configuration');
  expect(stepFor('key-unknown', { ...refused, consumer: null })).toBeNull();
  expect(stepFor('circuit-open', refused)?.href).toBe('/upstreams/mail');
  expect(stepFor('malformed-request', refused)).toBeNull();
});
