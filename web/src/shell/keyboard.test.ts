import { describe, expect, it } from 'vitest';
import { judge } from './keyboard';

const key = (name: string, held: Partial<{ ctrlKey: boolean }> = {}) => ({
  key: name, ctrlKey: false, metaKey: false, altKey: false, ...held,
}); // prettier-ignore

describe('the keyboard', () => {
  it('goes to a page by `g` and its letter', () => {
    expect(judge(key('g'), false)).toEqual({ kind: 'wait' });
    expect(judge(key('e'), true)).toEqual({ kind: 'go', letter: 'e' });
  });
  it('does nothing for a letter alone', () => {
    expect(judge(key('e'), false)).toEqual({ kind: 'none' });
  });
  it('searches and helps', () => {
    expect(judge(key('/'), false)).toEqual({ kind: 'search' });
    expect(judge(key('?'), false)).toEqual({ kind: 'help' });
  });
  it('leaves the browser its own', () => {
    expect(judge(key('g', { ctrlKey: true }), false)).toEqual({ kind: 'none' });
  });
});
