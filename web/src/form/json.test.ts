import { describe, expect, test } from 'vitest';
import { isSame, patchOf, renderYaml, withMember, type Members } from './json';

/** What the API does with a patch (RFC 7396). */
function merged(before: Members, patch: Members): Members {
  let after = { ...before };
  for (const [name, value] of Object.entries(patch)) {
    const was = after[name];
    const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (value === null) after = withMember(after, name, undefined);
    else after[name] = isGroup ? merged(typeof was === 'object' && !Array.isArray(was) ? (was ?? {}) : {}, value) : value;
  }
  return after;
}

describe('a patch', () => {
  const cases: [string, Members, Members][] = [
    ['nothing', { a: 1 }, { a: 1 }],
    ['a member that is new', {}, { url: 'https://a' }],
    ['a member that goes', { price: '1 EUR', via: true }, { via: true }],
    ['a member within a group', { tls: { ca: 'a', verify: true } }, { tls: { ca: 'b', verify: true } }],
    ['a group that becomes a word', { credential: { kind: 'bearer', secret: 'x' } }, { credential: 'none' }],
    ['a word that becomes a group', { retries: 'off' }, { retries: { limit: 3 } }],
    ['another kind of credential', { credential: { kind: 'bearer', secret: 'x' } }, { credential: { kind: 'basic', username: 'u' } }],
    ['a list', { limits: [{ rate: '1/s' }, { quota: '5/day' }] }, { limits: [{ quota: '5/day' }] }],
  ];
  test.each(cases)('makes %s', (_, before, after) => {
    expect(merged(before, patchOf(before, after))).toEqual(after);
  });

  test('says only what is different', () => {
    expect(patchOf({ url: 'a', tls: { ca: 'x', key: '${vault:k}' } }, { url: 'a', tls: { ca: 'y', key: '${vault:k}' } })).toEqual({
      tls: { ca: 'y' },
    });
  });
});

test('values are the same whatever the order of their members', () => {
  expect(isSame({ a: 1, b: [1, { c: 2 }] }, { b: [1, { c: 2 }], a: 1 })).toBe(true);
  expect(isSame({ a: 1 }, { a: 1, b: 2 })).toBe(false);
  expect(isSame([1, 2], [2, 1])).toBe(false);
});

describe('a document', () => {
  test('is YAML as people write it', () => {
    const text = renderYaml({
      upstreams: {
        chat: {
          url: 'https://api.example.com/v1',
          endpoints: [{ url: 'https://a', weight: 3 }, 'https://b'],
          limits: [{ budget: '25 EUR/month' }],
          network: { private: ['10.0.0.0/8'] },
          via: false,
          with: {},
        },
      },
    });
    expect(text.trim()).toBe(
      `upstreams:
  chat:
    url: https://api.example.com/v1
    endpoints:
      - url: https://a
        weight: 3
      - https://b
    limits:
      - budget: 25 EUR/month
    network:
      private: [10.0.0.0/8]
    via: false
    with: {}`,
    );
  });

  test.each(['off', 'yes', '*', '12', '1.5', '0x10', '2027-01-31', '12:30:00', 'a: b', 'a #b', ' a', 'a ', '', '${X}', '1e5', 'a:', '[x', '- a', '*.example.com'])(
    'quotes %j, which would be something else',
    (value) => {
      expect(renderYaml({ a: value }).trim()).toBe(`a: ${JSON.stringify(value)}`);
    },
  );
});
