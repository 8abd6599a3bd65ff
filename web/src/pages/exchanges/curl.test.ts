import { describe, expect, it } from 'vitest';
import { asCurl, leftOut, quote } from './curl';
import { exchange } from './sample';

const GATEWAY = 'http://127.0.0.1:8080';

describe('an exchange as curl', () => {
  it('is called by the path of its upstream, with the caller’s own key', () => {
    expect(asCurl(exchange({ method: 'POST', query: 'page=*' }), GATEWAY)).toBe(
      `curl -i \\\n  -X POST \\\n  -H "Exeat-Key: $EXEAT_KEY" \\\n  'http://127.0.0.1:8080/github/repos?page=*'`,
    );
  });
  it('has the URL of a destination in its path', () => {
    const text = asCurl(exchange({ upstream: null, origin: 'https://example.com' }), GATEWAY);
    expect(text).toContain(`'${GATEWAY}/https://example.com/repos'`);
  });
  it('can’t break out of its quotes', () => {
    expect(quote("a'; rm -rf $HOME")).toBe(`'a'\\''; rm -rf $HOME'`);
  });
  it('says what it doesn’t hold', () => {
    expect(leftOut(exchange({ query: 'q=*', bytes_in: 4 }))).toBe(
      'the values of the query, the body and the fields of the request',
    );
  });
});
