import { describe, expect, it } from 'vitest';
import { asLive, asQuery, parseTyped, readFilters } from './filters';

describe('what is typed', () => {
  it('is an exchange where it is an id', () => {
    const id = '01a226d6-ea08-794e-88cf-b115d21f0d34';
    expect(parseTyped(` ${id.toUpperCase()} `)).toEqual({ kind: 'id', id });
  });
  it('is fields, a status and part of a path', () => {
    expect(parseTyped('upstream=github error:rate-limited 5XX /repos')).toEqual({
      kind: 'filters',
      filters: { upstream: 'github', error: 'rate-limited', status: '5xx', text: '/repos' },
    });
  });
  it('is no part of a path where it asks for a field that there isn’t', () => {
    expect(parseTyped('upstream=github colour=red')).toEqual({ kind: 'unknown', name: 'colour' });
  });
  it('is part of a path where it has a colon or a slash', () => {
    expect(parseTyped('gemini:generate /a=b')).toEqual({ kind: 'filters', filters: { text: 'gemini:generate /a=b' } });
  });
});

describe('filters', () => {
  it('of an address are those that are known and say something', () => {
    expect(readFilters(new URLSearchParams('upstream=github&consumer=&x=1'))).toEqual({ upstream: 'github' });
  });
  it('are asked for among exchanges alone', () => {
    expect(asQuery({ upstream: 'github', status: '5xx' })).toEqual({
      where: ['kind=exchange', 'upstream=github'],
      status: '5xx',
    });
  });
  it('with an end are history, and not followed', () => {
    expect(asLive({ until: '2026-01-01T00:00:00Z' })).toBeNull();
    expect(asLive({ upstream: 'github', since: '1h' })).toBe('where=kind%3Dexchange&where=upstream%3Dgithub');
  });
});
