import { expect, test } from 'vitest';
import { placeOf } from './Events';
import { byLeft } from './limit';

test('an event leads to what it is about', () => {
  const limits = [{ id: 'abc', scope: 'upstream', owner: 'mail', name: 'budget-day' }] as Parameters<typeof placeOf>[1];
  const reached = { scope: 'upstream', owner: 'mail', limit: 'budget-day' };
  expect(placeOf(reached, limits)).toBe('/limits?limit=abc');
  expect(placeOf({ ...reached, limit: 'gone' }, limits)).toBe('/upstreams/mail');
  expect(placeOf({ scope: 'grant', owner: 'web:mail', limit: 'gone' }, limits)).toBe('/consumers/web');
  expect(placeOf({ upstream: 'mail', endpoint: 'https://mail.example' }, limits)).toBe('/upstreams/mail');
  expect(placeOf({ instance: 'one' }, limits)).toBeNull();
});

test('limits with the least left come first, those that nobody knows of last', () => {
  const limit = (id: string, left_ratio: number | null) => ({ id, left_ratio });
  const found = [limit('whole', 1), limit('unknown', null), limit('empty', 0), limit('half', 0.5)].sort(byLeft);
  expect(found.map(({ id }) => id)).toEqual(['empty', 'half', 'whole', 'unknown']);
});
