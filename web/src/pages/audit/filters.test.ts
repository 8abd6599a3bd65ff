import { describe, expect, it } from 'vitest';
import { asQuery, parseTyped, placeOf, readFilters } from './filters';

describe('what is typed', () => {
  it('is a record where it is an id', () => {
    const id = '01a226ea-a444-7fef-970a-cbc9476fd6dd';
    expect(parseTyped(` ${id.toUpperCase()} `)).toEqual({ kind: 'id', id });
  });
  it('is an action, an object, and who did it', () => {
    expect(parseTyped('update upstream/billing maria')).toEqual({
      kind: 'filters',
      filters: { action: 'update', object: 'upstream/billing', actor: 'maria' },
    });
  });
  it('is an administrator with a token, not an object', () => {
    expect(parseTyped('admin/nJLMZPsNWtdL')).toEqual({ kind: 'filters', filters: { actor: 'admin/nJLMZPsNWtdL' } });
  });
  it('is fields where it names them', () => {
    expect(parseTyped('object=configuration outcome:failed')).toEqual({
      kind: 'filters',
      filters: { object: 'configuration', outcome: 'failed' },
    });
  });
});

describe('filters', () => {
  it('are of changes, unless they say otherwise', () => {
    expect(asQuery({ actor: 'maria', since: '7d' })).toEqual({ where: ['kind=change', 'actor=maria'], since: '7d' });
    expect(asQuery({ kind: 'exchange' })).toEqual({ where: ['kind=exchange'] });
    expect(asQuery({ kind: 'all' })).toEqual({ where: [] });
  });
  it('of an address are those that are known', () => {
    expect(readFilters(new URLSearchParams('actor=maria&colour=red&until='))).toEqual({ actor: 'maria' });
  });
});

describe('an object', () => {
  it('is shown on the page of its kind', () => {
    expect(placeOf('upstream/billing')).toBe('/upstreams/billing');
    expect(placeOf('token/abc')).toBe('/settings?tab=tokens');
    expect(placeOf('configuration')).toBeNull();
  });
});
