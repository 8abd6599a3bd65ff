import { describe, expect, test } from 'vitest';
import type { KeyShown } from '@/api/objects';
import type { Json } from '@/form/json';
import { coversUpstream, describeTerms, grantOf, targetOf, termsOf, titleOf } from './grant';
import { lastUsed, replacementOf, sorted, toneOfKey } from './key';

describe('a grant', () => {
  const grants: [Json, string][] = [
    ['github', 'github'],
    ['destinations', 'all destinations'],
    ['*', 'everything'],
    [{ upstream: '*' }, 'all upstreams'],
    [{ upstream: 'stripe', methods: ['GET'] }, 'stripe'],
    [{ destination: '*.example.org', mode: 'report' }, '*.example.org'],
    [{ upstream: '*', destination: '*', methods: ['GET'] }, 'everything'],
  ];
  test.each(grants)('%j is for what it names, and is written again as it was', (grant, title) => {
    expect(titleOf(grant)).toBe(title);
    expect(grantOf(targetOf(grant), termsOf(grant))).toEqual(grant);
  });

  test('without terms is written in short', () => {
    expect(grantOf({ kind: 'upstream', name: 'github' }, {})).toBe('github');
    expect(grantOf({ kind: 'everything', name: '*' }, {})).toBe('*');
  });

  test('covers the upstream that it names, and every one where it is for all', () => {
    const covering: Json[] = ['github', '*', { upstream: '*' }, { upstream: 'github', methods: ['GET'] }];
    const others: Json[] = ['stripe', 'destinations', { destination: 'github' }];
    expect(covering.every((grant) => coversUpstream(grant, 'github'))).toBe(true);
    expect(others.some((grant) => coversUpstream(grant, 'github'))).toBe(false);
  });

  test('says its terms in one line', () => {
    expect(describeTerms({ upstream: 'a', methods: ['GET', 'POST'], paths: ['/v1/**'], limits: [{}], mode: 'report' })).toBe(
      'GET POST · /v1/** · a limit · report only',
    );
    expect(describeTerms({ upstream: 'a', paths: { deny: ['/admin/**'] } })).toBe('not /admin/**');
    expect(describeTerms('a')).toBe('');
  });
});

function key(fields: Partial<KeyShown>): KeyShown {
  return {
    id: 'a', consumer: 'c', label: '', state: 'active', created_at: '2026-01-01T00:00:00Z', created_by: 'admin', expires_at: null,
    revoked_at: null, last_used_at: null, networks: [], limits: [], replaces: null, revision: 1, warnings: [], ...fields,
  }; // prettier-ignore
}

test('keys that work come first, the newest at the top', () => {
  const keys = [
    key({ id: 'old' }),
    key({ id: 'gone', state: 'revoked', created_at: '2026-09-01T00:00:00Z' }),
    key({ id: 'new', created_at: '2026-03-01T00:00:00Z' }),
  ];
  expect(sorted(keys).map(({ id }) => id)).toEqual(['new', 'old', 'gone']);
});

test('a key that ends soon is worth a look', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  expect(toneOfKey({ state: 'active', expires_at: null }, now)).toBe('good');
  expect(toneOfKey({ state: 'active', expires_at: '2026-01-05T00:00:00Z' }, now)).toBe('warn');
  expect(toneOfKey({ state: 'revoked', expires_at: null }, now)).toBe('quiet');
});

test('a consumer was last seen with the key that was used last', () => {
  const times = ['2026-01-02T00:00:00Z', null, '2026-02-01T00:00:00Z'];
  expect(lastUsed(times.map((at) => key({ last_used_at: at })))).toBe('2026-02-01T00:00:00Z');
  expect(lastUsed([key({})])).toBeNull();
});

test('a rotated key names the one in its place', () => {
  const [old, young] = [key({ id: 'old' }), key({ id: 'young', replaces: 'old' })];
  expect(replacementOf(old, [old, young])).toBe(young);
  expect(replacementOf(young, [old, young])).toBeUndefined();
});
