import { describe, expect, test } from 'vitest';
import { presetUpstream, searched } from './AddUpstream';
import { actsFor } from './Endpoints';
import { credentialOf, healthOf, siblingsOf, urlsOf } from './upstream';

const zendesk = {
  name: 'zendesk',
  title: 'Zendesk API',
  url: 'https://{subdomain}.zendesk.com',
  parameters: { subdomain: { what: 'the name', example: 'acme', default: null } },
  secrets: { secret: 'a token' },
};

test('the URLs of an upstream are those it has, or its preset’s with what it says', () => {
  expect(urlsOf({ url: 'https://a' })).toEqual(['https://a']);
  expect(urlsOf({ endpoints: ['https://a', { url: 'https://b', weight: 2 }] })).toEqual(['https://a', 'https://b']);
  expect(urlsOf({ preset: 'zendesk', with: { subdomain: 'acme' } }, [zendesk])).toEqual(['https://acme.zendesk.com']);
  expect(urlsOf({ preset: 'zendesk' }, [zendesk])).toEqual(['https://{subdomain}.zendesk.com']);
  expect(urlsOf(null)).toEqual([]);
});

test('a credential is told by its kind, never by its secret', () => {
  expect(credentialOf({ credential: { kind: 'bearer', secret: 'top' } })).toBe('bearer');
  expect(credentialOf({ credential: 'none' })).toBe('none');
  expect(credentialOf({ preset: 'github', credential: { secret: 'top' } })).toBe('as its preset');
  expect(credentialOf({ credential: { pool: [{}, {}, {}] } })).toBe('pool of 3');
  expect(credentialOf({ credential: [{ kind: 'header' }, { kind: 'hmac' }] })).toBe('header + hmac');
  expect(credentialOf({})).toBe('none');
});

test('siblings are told by their hosts', () => {
  expect(siblingsOf({ siblings: ['a.example.com', { host: 'b.example.com' }] })).toEqual(['a.example.com', 'b.example.com']);
  expect(siblingsOf({ siblings: 'off' })).toEqual([]);
});

describe('the health of an upstream', () => {
  const resting = { endpoint: 'https://a', state: 'resting' as const, upstream: 'x' };
  test('is good where nothing of it rests', () => {
    expect(healthOf('y', 2, [resting])).toEqual({ tone: 'good', word: 'well' });
  });
  test('is a warning while another endpoint takes the calls', () => {
    expect(healthOf('x', 2, [resting])).toEqual({ tone: 'warn', word: '1 of 2 resting' });
  });
  test('is bad when none is left', () => {
    expect(healthOf('x', 1, [resting])).toEqual({ tone: 'bad', word: 'resting' });
    expect(healthOf('x', 1, [{ ...resting, state: 'recovering' }]).tone).toBe('warn');
  });
});

test('an endpoint is offered what can be done with it', () => {
  const held = { since: '', until: null, by: 'admin', why: '' };
  expect(actsFor({ state: 'well', by_hand: null })).toEqual(['drain', 'trip']);
  expect(actsFor({ state: 'resting', by_hand: null })).toContain('reset');
  expect(actsFor({ state: 'tripped', by_hand: held })).toEqual(['restore', 'reset', 'drain']);
});

test('presets are found by every word', () => {
  expect(searched([zendesk], 'zen')).toEqual([zendesk]);
  expect(searched([zendesk], 'zen stripe')).toEqual([]);
});

test('an upstream of a preset says only what was typed', () => {
  expect(presetUpstream(zendesk, { subdomain: ' ' }, {})).toEqual({ preset: 'zendesk' });
  expect(presetUpstream(zendesk, { subdomain: 'acme' }, { secret: 't' })).toEqual({
    preset: 'zendesk',
    with: { subdomain: 'acme' },
    credential: { secret: 't' },
  });
});
