import { describe, expect, test } from 'vitest';
import type { ObjectShown } from '@/api/objects';
import {
  currenciesOf, dayOf, exchangesOf, faultOfAmount, firstRaise, headOf, isShown, leftOf, monthOf, rounded, whyFixed, writtenIn, type Limit,
} from './limit'; // prettier-ignore
import { isOf } from './LimitsOf';

function limit(fields: Partial<Limit>): Limit {
  return {
    id: 'x', scope: 'consumer', owner: 'web', name: 'daily', kind: 'budget', amount: 10, currency: 'EUR', burst: null, per: null,
    window: { unit: 'day', zone: 'UTC', length_s: 86_400 }, left: 4.5, left_ratio: 0.45, resets_at: null, mode: 'enforce',
    soft: false, increase: null, ...fields,
  }; // prettier-ignore
}
const object = (fields: Partial<ObjectShown>): ObjectShown => ({
  name: 'web', source: 'database', read_only: false, revision: 3, data: {}, warnings: [], ...fields,
}); // prettier-ignore

test('what is left is told in the limit’s own unit', () => {
  expect(leftOf(limit({}))).toBe('4.50 of 10.00 EUR');
  expect(leftOf(limit({ left: 0.1 + 0.2 }))).toBe('0.30 of 10.00 EUR');
  expect(leftOf(limit({ kind: 'rate', amount: 600, burst: 60, left: 58 }))).toBe('58 of 60');
  expect(leftOf(limit({ kind: 'concurrency', amount: 1200, left: 1100 }))).toBe('1,100 of 1,200');
  expect(leftOf(limit({ left: null }))).toBeNull();
});

test('a limit leads to the exchanges that it counts', () => {
  const daily = limit({ resets_at: '2026-03-02T00:00:00Z' });
  expect(exchangesOf(daily)).toBe('/exchanges?consumer=web&since=2026-03-01T00%3A00%3A00.000Z');
  expect(exchangesOf(limit({ scope: 'grant', owner: 'web:github' }))).toBe('/exchanges?consumer=web&upstream=github');
  expect(exchangesOf(limit({ scope: 'key', owner: 'abc', window: null }))).toBe('/exchanges?key=abc');
  expect(exchangesOf(limit({ scope: 'gateway', owner: '' }))).toBe('/exchanges');
});

test('money has no dust of floating point', () => {
  expect(rounded(17.485000000000003)).toBe('17.485');
  expect(rounded(20)).toBe('20');
});

test('a limit is somebody’s, where it can be changed', () => {
  const owner = (scope: Limit['scope'], name: string) => headOf({ scope, owner: name });
  expect(owner('gateway', '')).toEqual({ title: 'The whole gateway', href: null });
  expect(owner('consumer', 'web')).toEqual({ title: 'web', href: '/consumers/web' });
  expect(owner('grant', 'web:github')).toEqual({ title: 'web at github', href: '/consumers/web' });
  expect(owner('upstream', 'github')).toEqual({ title: 'github', href: '/upstreams/github' });
});

describe('a budget is raised', () => {
  const known = { upstream: [], consumer: [object({})], gateway: [object({ name: 'limits', read_only: true, source: 'file exeat.yaml:3' })] };
  test('where it is written in the database', () => {
    expect(whyFixed(limit({}), writtenIn(limit({}), known))).toBeNull();
  });
  test('not where a file has it, nor in a grant, nor what is no budget', () => {
    const ofGateway = limit({ scope: 'gateway', owner: '' });
    expect(whyFixed(ofGateway, writtenIn(ofGateway, known))).toBe('It is written in the file exeat.yaml:3.');
    expect(whyFixed(limit({ scope: 'grant' }), undefined)).toContain('where it is written');
    expect(whyFixed(limit({ kind: 'quota' }), undefined)).toContain('Only budgets');
  });
  test('to an amount that is more than it is', () => {
    expect(firstRaise(limit({}))).toBe('15');
    expect(faultOfAmount('15', limit({}))).toBeNull();
    expect(faultOfAmount('9.5', limit({}))).toContain('more than 10.00 EUR');
    expect(faultOfAmount('1e3', limit({}))).toContain('Write an amount');
    expect(faultOfAmount('', limit({}))).toContain('Write an amount');
  });
  test('again, to any amount, while it is raised', () => {
    expect(faultOfAmount('9.5', limit({ increase: { amount: 10, until: '' } }))).toBeNull();
  });
});

test('limits are found by kind and by whose they are', () => {
  expect(isShown(limit({}), 'all', ' WEB')).toBe(true);
  expect(isShown(limit({}), 'quota', '')).toBe(false);
  expect(isShown(limit({}), 'budget', 'github')).toBe(false);
});

test('a consumer’s limits are its own and those of its grants', () => {
  expect(isOf(limit({ scope: 'grant', owner: 'web:github' }), 'consumer', 'web')).toBe(true);
  expect(isOf(limit({ scope: 'grant', owner: 'web-shop:github' }), 'consumer', 'web')).toBe(false);
  expect(isOf(limit({ scope: 'upstream', owner: 'web' }), 'consumer', 'web')).toBe(false);
});

test('the currency with most spent comes first', () => {
  expect(currenciesOf([{ costs: { EUR: '1.50' } }, { costs: { USD: '9', EUR: '2' } }])).toEqual(['USD', 'EUR']);
  expect(currenciesOf([{ costs: {} }])).toEqual([]);
});

test('days and months begin in UTC', () => {
  const now = new Date('2026-03-01T00:30:00+02:00');
  expect(dayOf(now)).toBe('2026-02-28T00:00:00.000Z');
  expect(monthOf(now)).toBe('2026-02-01T00:00:00.000Z');
});
