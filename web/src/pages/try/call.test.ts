import { describe, expect, it } from 'vitest';
import { asCommand, begin, envelopeOf, missing, readOutcome, targetOf, type Came, type Trial } from './call';

const trial: Trial = {
  ...begin(new URLSearchParams('upstream=weather&path=/forecast'), true),
  key: 'exeat_k',
  query: [['city', 'Kyoto'], ['days', '2'], ['', 'x']],
}; // prettier-ignore

describe('a call', () => {
  it('is an envelope without what wasn’t said', () => {
    expect(envelopeOf(trial)).toEqual({ upstream: 'weather', path: '/forecast', query: { city: 'Kyoto', days: '2' } });
  });
  it('has its body, its fields and its time limit where they are said', () => {
    const whole: Trial = { ...trial, method: 'POST', query: [], headers: [['accept', 'a'], ['accept', 'b']], body: 'json', text: '{"a": [1]}', timeout: '2.5' }; // prettier-ignore
    expect(envelopeOf(whole)).toEqual({
      upstream: 'weather', path: '/forecast', method: 'POST', headers: { accept: ['a', 'b'] }, json: { a: [1] }, timeout: 2.5,
    }); // prettier-ignore
  });
  it('of a URL names no upstream', () => {
    expect(envelopeOf({ ...trial, to: 'url', url: ' https://a.example/x ', query: [] })).toEqual({ url: 'https://a.example/x' });
  });
  it('says what is missing', () => {
    expect(missing(trial)).toBeNull();
    expect(missing({ ...trial, key: ' ' })).toBe('A key is missing');
    expect(missing({ ...trial, upstream: '' })).toBe('An upstream is missing');
    expect(missing({ ...trial, body: 'json', text: '{' })).toBe('The body isn’t JSON yet');
    expect(missing({ ...trial, timeout: 'soon' })).toBe('The time limit is a number of seconds');
    expect(missing({ ...trial, to: 'url', url: 'a.example' })).toMatch(/begins with/);
  });
  it('as a command never holds the key, and is one word of the shell', () => {
    const command = asCommand({ ...trial, query: [['q', "it's"]] }, 'http://gateway');
    expect(command).not.toContain('exeat_k');
    expect(command).toContain(String.raw`{"q":"it'\''s"}`);
  });
  it('to be explained is a path or a URL with its query', () => {
    expect(targetOf(trial)).toBe('/weather/forecast?city=Kyoto&days=2');
    expect(targetOf({ ...trial, to: 'url', url: 'https://a.example/x?y=1' })).toBe('https://a.example/x?y=1&city=Kyoto&days=2');
  });
  it('of who may only look is one of a consumer’s name', () => {
    expect(begin(new URLSearchParams(), false).as).toBe('consumer');
  });
});

describe('what comes back', () => {
  const came = (answer: unknown, status: number): Came => ({ status, headers: { 'exeat-request-id': 'outer' }, answer, explanation: null, duration_ms: 3 });

  it('is the upstream’s, with its status inside', () => {
    const meta = { request_id: 'inner', upstream: 'weather', attempts: 2, duration_ms: 4.5, origin: 'upstream', cost: null };
    const outcome = readOutcome(came({ ok: false, status: 503, headers: { vary: ['a', 'b'] }, text: 'busy', meta }, 200));
    expect(outcome).toMatchObject({ status: 503, isUpstreams: true, problem: null, body: { text: 'busy', kind: 'text' } });
    expect(outcome.headers).toEqual([['vary', 'a'], ['vary', 'b']]); // prettier-ignore
    expect(outcome.meta).toMatchObject({ requestId: 'inner', attempts: 2, durationMs: 4.5 });
  });
  it('is the gateway’s refusal of the call', () => {
    const problem = { title: 'No such upstream', detail: 'No upstream is named x.', hint: 'See /-/whoami.', code: 'upstream-unknown' };
    const outcome = readOutcome(came({ ok: false, status: 404, headers: {}, problem, meta: { origin: 'gateway', request_id: 'inner' } }, 404));
    expect(outcome).toMatchObject({ status: 404, isUpstreams: false, body: null, meta: { requestId: 'inner' } });
    expect(outcome.problem).toMatchObject({ code: 'upstream-unknown', hint: 'See /-/whoami.' });
  });
  it('is a problem where not even the envelope was taken', () => {
    const outcome = readOutcome(came({ title: 'The Exeat key is not well-formed', status: 401, detail: 'x', code: 'key-malformed', request_id: 'r' }, 401));
    expect(outcome).toMatchObject({ status: 401, isUpstreams: false, meta: { requestId: 'r' } });
    expect(outcome.problem?.code).toBe('key-malformed');
  });
});
