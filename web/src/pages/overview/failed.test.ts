import { expect, test } from 'vitest';
import { placeOf } from './Events';
import { mostFailed, mostFailing } from './failed';
import { byLeft } from './limit';

const row = (status: number, errors: number) => ({ labels: { status_class: status }, errors });

test('what failed leads to the class with most of it, and says whether that is all', () => {
  expect(mostFailed([row(4, 9), row(5, 2), row(2, 0)])).toEqual({ filter: { status: '4xx' }, word: '4xx', isAll: false });
  expect(mostFailed([row(5, 2)])).toMatchObject({ filter: { status: '5xx' }, isAll: true });
  expect(mostFailed([row(2, 1), row(0, 2)])).toMatchObject({ filter: { outcome: 'failed' }, isAll: true });
  expect(mostFailed([])).toMatchObject({ isAll: true });
});

test('what fails now leads to its commonest cause', () => {
  const errors = { 'rate-limited': 0.2, 'grant-missing': 0.1 };
  expect(mostFailing({ errors, upstream_errors: { '5xx': 0.1 } })).toEqual({ error: 'rate-limited' });
  expect(mostFailing({ errors, upstream_errors: { '5xx': 3 } })).toEqual({ status: '5xx', answered: 'upstream' });
  expect(mostFailing(null)).toEqual({ outcome: 'failed' });
});

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
